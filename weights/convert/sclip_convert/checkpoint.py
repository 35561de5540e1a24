"""Checkpoint: what each kind of source hands to the converter. Opening files by their content."""
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Optional

import numpy as np

from .config import Config
from .errors import ConvertError
from .safetensors_file import read_safetensors
from .tensors import Tensor
from .torch_file import flatten_module, is_torchscript, read_torch


@dataclass
class Checkpoint:
    """Tensors under the source's own keys, and what is known about the model."""

    kind: str  # a column of tensors.csv
    tensors: Dict[str, Tensor]
    config: Config
    ignorable: "list[str]"  # regular expressions of keys that hold no weights
    model: str
    origin: str  # files and their digests, for the record
    licence: str = "unknown: ask whoever gave you the weights"
    merges: Optional[Path] = None


@dataclass
class StateDict:
    """The tensors of one file, and the plain values that lay beside them."""

    tensors: Dict[str, Tensor]
    extras: dict = field(default_factory=dict)


def open_state_dict(path):
    """Reads .safetensors, state dicts, {'state_dict': …} checkpoints and TorchScript archives."""
    path = Path(path)
    if path.is_dir():
        raise ConvertError(f"{path} is a folder: name the file in it, or use --from hf for Hugging Face folders")
    try:
        with open(path, "rb") as file:
            head = file.read(9)
    except OSError as error:
        raise ConvertError(f"cannot read {path}: {error.strerror}") from error
    if not head:
        raise ConvertError(f"{path}: the file is empty")
    if head[8:9] == b"{":
        return StateDict(read_safetensors(path))
    obj = read_torch(path)
    if is_torchscript(obj):
        return StateDict(flatten_module(obj))
    extras = {}
    if isinstance(obj, dict) and isinstance(obj.get("state_dict"), dict):
        extras = obj.get("meta") if isinstance(obj.get("meta"), dict) else {}
        obj = obj["state_dict"]
    if not isinstance(obj, dict) or not any(isinstance(value, Tensor) for value in obj.values()):
        raise ConvertError(f"{path}: no state dict in it: it holds {type(obj).__name__}")
    tensors = {str(key): value for key, value in obj.items() if isinstance(value, Tensor)}
    return StateDict(_without_wrappers(tensors), extras)


def _without_wrappers(tensors):
    """Drops the prefixes that DistributedDataParallel and torch.compile put before every key."""
    for prefix in ("module.", "_orig_mod."):
        if tensors and all(key.startswith(prefix) for key in tensors):
            tensors = {key[len(prefix):]: value for key, value in tensors.items()}
    return tensors


def digest(path):
    """SHA-256 of a file."""
    result = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            result.update(block)
    return result.hexdigest()


def learned_logit_scale(tensors):
    """exp(logit_scale), kept for information; 100, where CLIP's training clips it, if there is none."""
    if "logit_scale" not in tensors:
        return 100.0
    value = float(np.asarray(tensors["logit_scale"].numpy(), np.float64).reshape(-1)[0])
    if not -20 < value < 13:
        raise ConvertError(f"logit_scale is {value}, which no CLIP has learned")
    return float(np.exp(value))
