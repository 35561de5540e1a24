"""Hugging Face CLIPModel folders: config.json, weights in one file or in shards, q, k and v apart."""
import json
import math
from pathlib import Path

from .checkpoint import Checkpoint, digest, learned_logit_scale, open_state_dict
from .config import Config, Tower
from .errors import ConvertError

IGNORABLE = [r"(text|vision)_model\.embeddings\.position_ids", "logit_scale"]
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
ACTIVATIONS = {"quick_gelu": "quick_gelu", "gelu": "gelu"}
# What CLIPConfig assumes when config.json does not say.
VISION_DEFAULTS = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
                   "image_size": 224, "patch_size": 32, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5}
TEXT_DEFAULTS = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12, "num_attention_heads": 8,
                 "max_position_embeddings": 77, "vocab_size": 49408, "hidden_act": "quick_gelu",
                 "layer_norm_eps": 1e-5}


def open_hf(folder, options):
    """A folder of --from hf."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ConvertError(f"{folder}: --from hf takes the folder that save_pretrained wrote")
    root = _read_json(folder / "config.json")
    if root.get("model_type") != "clip":
        raise ConvertError(f"{folder / 'config.json'}: model_type is {root.get('model_type')!r}, 'clip' is supported")
    files = _weight_files(folder)
    tensors = {}
    for file in files:
        tensors.update(open_state_dict(file).tensors)
    config = _config(root, folder / "config.json", learned_logit_scale(tensors))
    _read_preprocessor(folder, config)
    origin = "; ".join(f"{file.name}, sha256 {digest(file)}" for file in files)
    merges = folder / "merges.txt"
    return Checkpoint("hf", tensors, config, IGNORABLE, folder.resolve().name, origin,
                      merges=merges if merges.exists() else None)


def _weight_files(folder):
    for name in WEIGHTS:
        if (folder / name).exists():
            return [folder / name]
        index = folder / f"{name}.index.json"
        if index.exists():
            shards = _read_json(index).get("weight_map")
            names = sorted(set(shards.values())) if isinstance(shards, dict) else []
            if not names or any(not isinstance(n, str) or Path(n).name != n for n in names):
                raise ConvertError(f"{index}: weight_map does not name files of this folder")
            return [folder / n for n in names]
    raise ConvertError(f"{folder}: no weights: neither {' nor '.join(WEIGHTS)}, whole or in shards")


def _read_json(path):
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConvertError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConvertError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ConvertError(f"{path}: not a JSON object")
    return value


def _config(root, path, logit_scale):
    vision = {**VISION_DEFAULTS, **(root.get("vision_config") or {})}
    text = {**TEXT_DEFAULTS, **(root.get("text_config") or {})}
    for key in ("hidden_act", "layer_norm_eps"):
        if vision[key] != text[key]:
            raise ConvertError(f"{path}: {key} differs between the towers: {vision[key]!r} and {text[key]!r}; "
                               "one for both is supported")
    if vision["hidden_act"] not in ACTIVATIONS:
        raise ConvertError(f"{path}: hidden_act is {vision['hidden_act']!r}, supported are {', '.join(ACTIVATIONS)}")
    try:
        patch = int(vision["patch_size"])
        return Config(
            vision=_tower(vision), text=_tower(text), image_size=int(vision["image_size"]) // patch * patch,
            patch_size=patch, context=int(text["max_position_embeddings"]), vocabulary=int(text["vocab_size"]),
            embed_dim=int(root.get("projection_dim", 512)), activation=ACTIVATIONS[vision["hidden_act"]],
            layer_norm_eps=float(vision["layer_norm_eps"]), logit_scale=logit_scale)
    except (ValueError, TypeError, ZeroDivisionError) as error:
        raise ConvertError(f"{path}: a size is not a number: {error}") from error


def _tower(section):
    return Tower(int(section["hidden_size"]), int(section["num_hidden_layers"]), int(section["num_attention_heads"]),
                 int(section["intermediate_size"]))


def _read_preprocessor(folder, config):
    path = folder / "preprocessor_config.json"
    if not path.exists():
        return
    values = _read_json(path)
    for attribute, key in (("mean", "image_mean"), ("std", "image_std")):
        if key in values:
            triple = values[key]
            if not isinstance(triple, list) or len(triple) != 3 or \
                    not all(isinstance(x, (int, float)) and math.isfinite(x) for x in triple):
                raise ConvertError(f"{path}: {key} is {triple!r}, three numbers are needed")
            setattr(config, attribute, tuple(triple))
