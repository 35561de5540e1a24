"""open_clip_config.json: what is plain CLIP in it, what is another architecture, and the numbers to hold weights to."""
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Optional

from .errors import ConvertError

# Entries that must have this value, for anything else is another architecture.
VISION_PLAIN = {"ls_init_value": None, "attentional_pool": False, "no_ln_pre": False, "pos_embed_type": "learnable",
                "final_ln_after_pool": False, "pool_type": "tok", "act_kwargs": None, "norm_kwargs": None,
                "timm_model_name": None, "block_type": None, "qk_norm": False, "scaled_cosine_attn": False,
                "scale_heads": False, "scale_attn_inner": False, "scale_attn": False, "scale_fc": False}
TEXT_PLAIN = {"hf_model_name": None, "hf_tokenizer_name": None, "ls_init_value": None, "embed_cls": False,
              "no_causal_mask": False, "final_ln_after_pool": False, "pool_type": "argmax", "proj_bias": False,
              "proj_type": "linear", "act_kwargs": None, "norm_kwargs": None, "block_type": None, "qk_norm": False,
              "scaled_cosine_attn": False, "scale_heads": False, "scale_attn_inner": False, "scale_attn": False,
              "scale_fc": False, "tokenizer_mode": None}
# Entries that change shapes, which are read off the weights, or training and other architectures only.
VISION_FREE = {"layers", "width", "head_width", "mlp_ratio", "patch_size", "image_size", "patch_dropout", "output_tokens",
               "attn_pooler_queries", "attn_pooler_heads", "timm_model_pretrained", "timm_pool", "timm_proj",
               "timm_proj_bias", "timm_drop", "timm_drop_path"}
TEXT_FREE = {"context_length", "vocab_size", "width", "heads", "layers", "mlp_ratio", "output_tokens", "pad_id", "eos_id",
             "tokenizer_kwargs", "hf_model_pretrained", "hf_proj_type", "hf_pooler_type"}


@dataclass
class OpenClipConfig:
    """What the file says; `numbers` has those that weights show too, {name: (value, entry)}."""

    activation: str
    head_width: int
    text_heads: int
    numbers: Dict[str, tuple] = field(default_factory=dict)
    mean: Optional[tuple] = None
    std: Optional[tuple] = None


def read_open_clip_config(path):
    """OpenClipConfig of a file; ConvertError for what is not plain CLIP, and for what is no config."""
    try:
        root = json.loads(Path(path).read_text(encoding="utf-8"))
        model = root.get("model_cfg", root)
        if "multimodal_cfg" in model:
            raise ConvertError(f"{path}: multimodal_cfg is there: this is CoCa; only plain CLIP is supported")
        vision, text = model["vision_cfg"], model["text_cfg"]
        _require(vision, VISION_PLAIN, VISION_FREE, path, "vision_cfg")
        _require(text, TEXT_PLAIN, TEXT_FREE, path, "text_cfg")
        if isinstance(vision.get("layers"), list):
            raise ConvertError(f"{path}: vision_cfg.layers is {vision['layers']}: this is a ResNet; only plain CLIP is "
                               "supported")
        config = OpenClipConfig("quick_gelu" if model.get("quick_gelu") else "gelu", int(vision.get("head_width", 64)),
                                int(text.get("heads", 8)), _numbers(model, vision, text))
        if config.head_width < 1 or config.text_heads < 1:
            raise ConvertError(f"{path}: vision_cfg.head_width is {config.head_width}, text_cfg.heads {config.text_heads}; "
                               "both are at least 1")
        preprocess = root.get("preprocess_cfg", {})
        for key in ("mean", "std"):
            if key in preprocess:
                setattr(config, key, tuple(float(value) for value in preprocess[key]))
        return config
    except OSError as error:
        raise ConvertError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConvertError(f"{path}: not a config of open_clip: {error!r}"[:400]) from error


def _numbers(model, vision, text):
    entries = {"embed": (model, "embed_dim", "embed_dim"), "width": (vision, "width", "vision_cfg.width"),
               "layers": (vision, "layers", "vision_cfg.layers"), "patch": (vision, "patch_size", "vision_cfg.patch_size"),
               "text_width": (text, "width", "text_cfg.width"), "text_layers": (text, "layers", "text_cfg.layers"),
               "context": (text, "context_length", "text_cfg.context_length"),
               "vocabulary": (text, "vocab_size", "text_cfg.vocab_size")}
    return {name: (int(section[key]), entry) for name, (section, key, entry) in entries.items() if key in section}


def _require(section, plain, free, path, name):
    for key, value in section.items():
        if key not in plain and key not in free:
            raise ConvertError(f"{path}: {name}.{key} is unknown; it may be another architecture than plain CLIP")
        if key in plain and value != plain[key] and (value or plain[key]):
            raise ConvertError(f"{path}: {name}.{key} is {value!r}; only {plain[key]!r}, plain CLIP, is supported")
