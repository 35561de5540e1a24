"""open_clip's checkpoints: OpenAI's key names; the activation is in the model's name or config alone."""
import json
from pathlib import Path

from .checkpoint import Checkpoint, digest, open_state_dict
from .clip_keys import IGNORABLE, infer_config
from .errors import ConvertError

# Image towers whose heads are not 64 wide, by the beginning of the model's name.
HEAD_WIDTHS = {"ViT-H-": 80, "ViT-g-": 88, "ViT-bigG-": 104, "ViT-e-": 112}
# Config entries that must have this value, for anything else is another architecture.
VISION_DEFAULTS = {"ls_init_value": None, "attentional_pool": False, "no_ln_pre": False, "pos_embed_type": "learnable",
                   "final_ln_after_pool": False, "pool_type": "tok", "act_kwargs": None, "norm_kwargs": None,
                   "timm_model_name": None, "block_type": None, "qk_norm": False, "scaled_cosine_attn": False,
                   "scale_heads": False, "scale_attn_inner": False, "scale_attn": False, "scale_fc": False}
TEXT_DEFAULTS = {"hf_model_name": None, "hf_tokenizer_name": None, "ls_init_value": None, "embed_cls": False,
                 "no_causal_mask": False, "final_ln_after_pool": False, "pool_type": "argmax", "proj_bias": False,
                 "proj_type": "linear", "act_kwargs": None, "norm_kwargs": None, "block_type": None, "qk_norm": False,
                 "scaled_cosine_attn": False, "scale_heads": False, "scale_attn_inner": False, "scale_attn": False,
                 "scale_fc": False, "tokenizer_mode": None}


def open_open_clip(path, options):
    """A file of --from open_clip with --model or --config, or open_clip_config.json beside it."""
    state = open_state_dict(path)
    tensors = _with_flat_text_tower(state.tensors)
    config_path = options.config
    if not config_path and not options.model:
        beside = Path(path).with_name("open_clip_config.json")
        if not beside.exists():
            raise ConvertError(f"{path}: weights do not tell QuickGELU from GELU; give --model (ViT-B-16-quickgelu, "
                               "say) or --config open_clip_config.json")
        config_path = beside
    facts = _facts_of_config(config_path) if config_path else _facts_of_name(options.model)
    vision_heads = options.vision_heads or facts.get("vision_heads")
    if vision_heads is None and "visual.conv1.weight" in tensors:
        vision_heads = tensors["visual.conv1.weight"].shape[0] // facts["head_width"]
    text_heads = options.text_heads or facts.get("text_heads")
    config = infer_config(tensors, path, facts["activation"], vision_heads, text_heads)
    config.mean, config.std = facts.get("mean", config.mean), facts.get("std", config.std)
    return Checkpoint("open_clip", tensors, config, IGNORABLE, options.model or Path(path).stem,
                      f"{Path(path).name}, sha256 {digest(path)}")


def _with_flat_text_tower(tensors):
    """CustomTextCLIP keeps the text tower under `text.`, CLIP at the top: same tower."""
    if "text.transformer.resblocks.0.ln_1.weight" not in tensors:
        return tensors
    return {key[5:] if key.startswith("text.") else key: value for key, value in tensors.items()}


def _facts_of_name(name):
    name = name.replace("/", "-")
    if "CLIPA" in name:
        raise ConvertError(f"{name}: CLIPA pools its tokens in another way, which is not supported")
    head_width = next((width for prefix, width in HEAD_WIDTHS.items() if name.startswith(prefix)), 64)
    return {"activation": "quick_gelu" if name.endswith("-quickgelu") else "gelu", "head_width": head_width}


def _facts_of_config(path):
    try:
        root = json.loads(Path(path).read_text(encoding="utf-8"))
        model = root.get("model_cfg", root)
        vision, text = model["vision_cfg"], model["text_cfg"]
        _require(vision, VISION_DEFAULTS, path, "vision_cfg")
        _require(text, TEXT_DEFAULTS, path, "text_cfg")
        facts = {"activation": "quick_gelu" if model.get("quick_gelu") else "gelu",
                 "head_width": int(vision.get("head_width", 64)), "text_heads": int(text.get("heads", 8))}
        preprocess = root.get("preprocess_cfg", {})
        for key in ("mean", "std"):
            if key in preprocess:
                facts[key] = tuple(float(value) for value in preprocess[key])
        return facts
    except OSError as error:
        raise ConvertError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConvertError(f"{path}: not a config of open_clip: {error!r}") from error


def _require(section, defaults, path, name):
    for key, value in defaults.items():
        if section.get(key, value) != value and (section.get(key) or value):
            raise ConvertError(f"{path}: {name}.{key} is {section[key]!r}; only {value!r}, plain CLIP, is supported")
