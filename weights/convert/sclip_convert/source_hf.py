"""Hugging Face CLIPModel folders: config.json, weights in one file or in shards, q, k and v apart."""
import json
import math
from pathlib import Path

from .activation import Claim, decide
from .checkpoint import Checkpoint, digest, learned_logit_scale, open_file
from .config import Config, Tower
from .containers import find_model
from .errors import ConvertError
from .families import refuse_model_type, refuse_other_family
from .tokenizer_files import read_tokenizer

ANCHORS = ("vision_model.embeddings.class_embedding", "vision_model.embeddings.patch_embedding.weight",
           "visual_projection.weight")
IGNORABLE = [r"(.*\.)?position_ids", "logit_scale"]
WEIGHTS = ("model.safetensors", "pytorch_model.bin")
ACTIVATIONS = {"quick_gelu": "quick_gelu", "gelu": "gelu"}
# What CLIPConfig assumes when config.json does not say.
VISION_DEFAULTS = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
                   "image_size": 224, "patch_size": 32, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
                   "num_channels": 3}
TEXT_DEFAULTS = {"hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12, "num_attention_heads": 8,
                 "max_position_embeddings": 77, "vocab_size": 49408, "hidden_act": "quick_gelu",
                 "layer_norm_eps": 1e-5, "eos_token_id": 49407}
LARGEST_ID = 2  # transformers takes this eos_token_id, of old configs, for "the largest id in the text"


def open_hf(folder, options):
    """A folder of --from hf."""
    folder = Path(folder)
    if not folder.is_dir():
        raise ConvertError(f"{folder}: --from hf takes the folder that save_pretrained wrote")
    path = folder / "config.json"
    _refuse_other_folders(folder)
    root = _read_json(path)
    refuse_model_type(root, path)
    files = _weight_files(folder)
    tensors = {}
    for file in files:
        tensors.update(open_file(file))
    tensors = find_model(tensors, folder, ANCHORS, options.part)
    refuse_other_family(tensors, folder, "hf")
    tensors = _with_tower_names(tensors)
    config, warnings = _config(root, path, options.activation, learned_logit_scale(tensors))
    _read_preprocessor(folder, config)
    origin = "; ".join(f"{file.name}, sha256 {digest(file)}" for file in files)
    return Checkpoint("hf", tensors, config, IGNORABLE, folder.resolve().name, origin, folder=folder, warnings=warnings,
                      merges=None if options.merges else read_tokenizer(folder), end_of_text=_end_of_text(root))


def _refuse_other_folders(folder):
    if (folder / "config.json").exists():
        return
    for name, advice in (("adapter_config.json", "it is a LoRA adapter: merge it into its model first"),
                         ("open_clip_config.json", "it is open_clip's: use --from open_clip and the file in it")):
        if (folder / name).exists():
            raise ConvertError(f"{folder}: config.json is missing, {name} is there; {advice}")


def _with_tower_names(tensors):
    """Names as CLIPModel has them: `text_model.` where a text tower was saved without it."""
    if any(key.startswith("text_model.") for key in tensors):
        return tensors
    bare = ("embeddings.", "encoder.", "final_layer_norm.")
    return {f"text_model.{key}" if key.startswith(bare) else key: value for key, value in tensors.items()}


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
    except (ValueError, RecursionError) as error:
        raise ConvertError(f"{path}: not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise ConvertError(f"{path}: not a JSON object")
    return value


def _section(root, name, defaults):
    """As CLIPConfig reads it: `text_config_dict` of old files is taken as a whole, defaults included, over `text_config`."""
    old = root.get(f"{name}_dict")
    return {**defaults, **(root.get(name) or {}), **({**defaults, **old} if old is not None else {})}


def _end_of_text(root):
    value = _section(root, "text_config", TEXT_DEFAULTS)["eos_token_id"]
    return None if value == LARGEST_ID else value


def _config(root, path, chosen, logit_scale):
    """(Config, warnings); `chosen` is --activation or None."""
    try:
        vision = _section(root, "vision_config", VISION_DEFAULTS)
        text = _section(root, "text_config", TEXT_DEFAULTS)
    except TypeError as error:
        raise ConvertError(f"{path}: vision_config and text_config are not JSON objects: {error}") from error
    for key in ("hidden_act", "layer_norm_eps"):
        if vision[key] != text[key]:
            raise ConvertError(f"{path}: {key} differs between the towers: {vision[key]!r} and {text[key]!r}; "
                               "one for both is supported")
    if not isinstance(vision["hidden_act"], str) or vision["hidden_act"] not in ACTIVATIONS:
        raise ConvertError(f"{path}: hidden_act is {vision['hidden_act']!r}, supported are {', '.join(ACTIVATIONS)}")
    if vision["num_channels"] != 3:
        raise ConvertError(f"{path}: num_channels is {vision['num_channels']!r}; photos have 3")
    activation, warnings = decide([Claim(ACTIVATIONS[vision["hidden_act"]], f"hidden_act in {path}")], chosen, path)
    try:
        patch = int(vision["patch_size"])
        return Config(
            vision=_tower(vision), text=_tower(text), image_size=int(vision["image_size"]) // patch * patch,
            patch_size=patch, context=int(text["max_position_embeddings"]), vocabulary=int(text["vocab_size"]),
            embed_dim=int(root.get("projection_dim", 512)), activation=activation,
            layer_norm_eps=float(vision["layer_norm_eps"]), logit_scale=logit_scale), warnings
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
