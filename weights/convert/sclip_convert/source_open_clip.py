"""open_clip's checkpoints: OpenAI's key names; what the weights do not tell is in the model's name or config."""
import re
from pathlib import Path

from .activation import Claim, decide
from .checkpoint import Checkpoint, digest, open_file
from .clip_keys import ANCHORS, IGNORABLE, infer_config, numbers
from .containers import find_model
from .errors import ConvertError
from .families import refuse_other_family
from .open_clip_config import read_open_clip_config
from .open_clip_names import heads_of_width, model_of, names_of, tag_of
from .source_openai import PUBLISHED

# Buffers of OpenAI's archives and of what OpenAI's code saves, which knows QuickGELU alone.
OPENAI_BUFFERS = ("input_resolution", "context_length", "vocab_size")
QUICK_GELU_FILES = re.compile(r"(?i)(?<![a-z])(openai|metaclip|dfn\d?b?)(?![a-z])")


def open_open_clip(path, options):
    """A file of --from open_clip with --model, --config, open_clip_config.json beside it, or --activation."""
    path = Path(path)
    row = model_of(options.model) if options.model else None
    if options.pretrained and not row:
        raise ConvertError("--pretrained is a tag of open_clip's for a model: name that with --model")
    tag = tag_of(options.model, options.pretrained) if options.pretrained else None
    found = find_model(open_file(path), path, ANCHORS, options.part)
    refuse_other_family(found, path, "open_clip")
    tensors = _with_flat_text_tower(found)
    beside = path.with_name("open_clip_config.json")
    config_path = options.config or (beside if beside.exists() else None)
    said = read_open_clip_config(config_path) if config_path else None
    sha256 = digest(path)
    claims = _claims(path, tensors, sha256, options, row, tag) + (
        [Claim(said.activation, str(config_path))] if said else [])
    activation, warnings = decide(claims, options.activation, path)
    width = next((length for key in ANCHORS[1:3] if key in tensors for length in tensors[key].shape[:1]), 0)
    vision_heads = options.vision_heads or (said and width // said.head_width) or heads_of_width(width)
    config = infer_config(tensors, path, activation, vision_heads, options.text_heads or (said and said.text_heads))
    if said:
        _hold_to_config(config, said, config_path)
        config.mean, config.std = said.mean or config.mean, said.std or config.std
    if row:
        warnings += _hold_to_name(config, row, options.model, path)
    if tag:
        config.mean, config.std = tag.mean or config.mean, tag.std or config.std
    model = options.model if row and options.model.replace("/", "-") in names_of(numbers(config)) else path.stem
    return Checkpoint("open_clip", tensors, config, IGNORABLE, model, f"{path.name}, sha256 {sha256}",
                      folder=path.parent, warnings=warnings)


def _claims(path, tensors, sha256, options, row, tag):
    out = []
    # open_clip lists published QuickGELU weights under ViT-B-16 too: a tag says more than a name without -quickgelu.
    if row and (not tag or row["activation"] == "quick_gelu"):
        out.append(Claim(row["activation"], f"--model {options.model}"))
    if tag:
        out.append(Claim(tag.activation, f"--pretrained {options.pretrained}"))
    if sha256 in PUBLISHED:
        out.append(Claim("quick_gelu", f"that the file is OpenAI's {PUBLISHED[sha256]}"))
    elif all(name in tensors for name in OPENAI_BUFFERS):
        out.append(Claim("quick_gelu", f"{OPENAI_BUFFERS[0]} in it, which OpenAI's own files have,"))
    elif named := QUICK_GELU_FILES.search(path.stem.replace("_", " ")):
        if not tag:
            out.append(Claim("quick_gelu", f"{named[0]!r} in the file's name"))
    return out


def _hold_to_config(config, said, path):
    shown = numbers(config)
    for name, (value, entry) in said.numbers.items():
        if shown[name] != value:
            raise ConvertError(f"{path}: {entry} is {value}, the weights have {shown[name]}: it is another model's config; "
                               "name the right one with --config, or move this one away")


def _hold_to_name(config, row, name, path):
    """Warnings; ConvertError if the weights are another of open_clip's models."""
    shown = numbers(config)
    differing = [f"{key.replace('_', ' ')} {value} where it has {row[key]}" for key, value in shown.items()
                 if row[key] != value]
    if not differing:
        return []
    others = names_of(shown)
    if others:
        raise ConvertError(f"{path}: not a {name}: {', '.join(differing)}; these are the shapes of {' or '.join(others)}")
    return [f"not a {name}: {', '.join(differing)}; --model told the activation only"]


def _with_flat_text_tower(tensors):
    """CustomTextCLIP keeps the text tower under `text.`, CLIP at the top: same tower."""
    if "text.token_embedding.weight" not in tensors:
        return tensors
    return {key[5:] if key.startswith("text.") else key: value for key, value in tensors.items()}
