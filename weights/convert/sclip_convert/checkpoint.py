"""Checkpoint: what each kind of source hands to the converter. Opening files by their content."""
import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import numpy as np

from .config import Config
from .containers import MAX_DEPTH
from .errors import ConvertError
from .safetensors_file import read_safetensors
from .tensors import Tensor
from .torch_file import flatten_module, is_torchscript, read_torch


# What is often downloaded or given in place of a checkpoint, by its first bytes.
STRANGERS = {b"version https://git-lfs": "a pointer of Git LFS, not the file itself: fetch that with git lfs pull",
             b"<": "a web page or XML, not weights: the download went wrong", b"GGUF": "a GGUF file of llama.cpp",
             b"\x89HDF": "an HDF5 file of Keras or TensorFlow", b"\x1f\x8b": "compressed: unpack it first",
             b"\x08": "probably an ONNX model: convert the weights that it was made from"}


@dataclass
class Checkpoint:
    """Tensors under the source's own keys, and what is known about the model."""

    kind: str  # a column of tensors.csv
    tensors: Dict[str, Tensor]
    config: Config
    ignorable: List[str]  # regular expressions of keys that hold no weights
    model: str
    origin: str  # files and their digests, for the record
    licence: str = "unknown: ask whoever gave you the weights"
    folder: Optional[Path] = None  # where the tokenizer's files may lie, for a vocabulary that is not CLIP's
    merges: Optional[Tuple[str, List[str]]] = None  # (their file, ["a b", …]) of the model's own tokenizer
    end_of_text: Optional[int] = None  # the id at which the text tower is read off, where it is not sure to be the last
    warnings: List[str] = field(default_factory=list)


def open_file(path):
    """The nest of dictionaries in .safetensors files, torch.save's files and TorchScript archives, tensors as Tensor.

    Raises ConvertError for folders, devices, empty files, what is none of the three, and files without a tensor.
    """
    path = Path(path)
    if path.is_dir():
        raise ConvertError(f"{path} is a folder: name the file in it, or use --from hf for Hugging Face folders")
    if path.exists() and not path.is_file():
        raise ConvertError(f"{path} is not a regular file")
    try:
        with open(path, "rb") as file:
            head = file.read(32)
    except OSError as error:
        raise ConvertError(f"cannot read {path}: {error.strerror}") from error
    if not head:
        raise ConvertError(f"{path}: the file is empty")
    if head[8:9] != b"{":
        for start, kind in STRANGERS.items():
            if head.startswith(start):
                raise ConvertError(f"{path}: this is {kind}")
    if head[8:9] == b"{" or path.suffix == ".safetensors":
        return read_safetensors(path)
    obj = read_torch(path)
    obj = flatten_module(obj) if is_torchscript(obj) else obj
    if not _holds_tensor(obj, 0):
        raise ConvertError(f"{path}: no state dict in it: it holds {type(obj).__name__}")
    return obj


def _holds_tensor(obj, depth):
    return isinstance(obj, dict) and depth <= MAX_DEPTH and any(
        isinstance(value, Tensor) or _holds_tensor(value, depth + 1) for value in obj.values())


def digest(path):
    """SHA-256 of a file."""
    result = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            result.update(block)
    return result.hexdigest()


def learned_logit_scale(tensors):
    """exp(logit_scale), kept for information, of shape () or (1,); 100, where CLIP's training clips it, without one."""
    if "logit_scale" not in tensors:
        return 100.0
    tensor = tensors["logit_scale"]
    if tensor.shape not in ((), (1,)):
        raise ConvertError(f"logit_scale has shape {tensor.shape}, one number is needed")
    value = float(np.asarray(tensor.numpy(), np.float64).reshape(-1)[0])
    if not -20 < value < 13:
        raise ConvertError(f"logit_scale is {value}, which no CLIP has learned")
    return float(np.exp(value))
