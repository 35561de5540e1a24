"""Config of a checkpoint with OpenAI's key names (open_clip has the same), inferred from shapes."""
import math
import re
from collections import Counter

from .checkpoint import learned_logit_scale
from .config import Config, Tower
from .errors import ConvertError

ANCHORS = ("visual.conv1.weight", "visual.class_embedding", "visual.ln_pre.weight", "visual.proj")
IGNORABLE = [r"(.*\.)?attn_mask", r"(.*\.)?position_ids", "logit_scale", "logit_bias", "input_resolution",
             "context_length", "vocab_size"]
DEFAULT_HEAD_WIDTH = 64


def infer_config(tensors, where, activation, vision_heads=None, text_heads=None):
    """As OpenAI's build_model does; heads are width/64 unless told.

    Widths are what most vectors have, which cannot be transposed, so that a tensor of another shape gets the blame itself.
    Raises ConvertError with the key, the shape found and the shape expected.
    """
    shapes = _Shapes(tensors, where)
    width = shapes.length("visual.ln_pre.weight", "visual.ln_pre.bias", "visual.ln_post.weight", "visual.ln_post.bias")
    text_width = shapes.length("ln_final.weight", "ln_final.bias", "transformer.resblocks.0.ln_1.weight")
    patch = shapes.of("visual.conv1.weight", width, 3, "P", "P")[2]
    tokens, _ = shapes.of("visual.positional_embedding", "N", width)
    grid = round((tokens - 1) ** 0.5)
    if grid * grid != tokens - 1 or not grid:
        raise ConvertError(f"{where}: visual.positional_embedding has {tokens} rows, which is not 1 + a square")
    context, _ = shapes.of("positional_embedding", "T", text_width)
    vocabulary, _ = shapes.of("token_embedding.weight", "V", text_width)
    _, embed_dim = shapes.of("text_projection", text_width, "E")
    return Config(
        vision=shapes.tower("visual.transformer", width, vision_heads, "--vision-heads"),
        text=shapes.tower("transformer", text_width, text_heads, "--text-heads"),
        image_size=grid * patch, patch_size=patch, context=context, vocabulary=vocabulary, embed_dim=embed_dim,
        activation=activation, logit_scale=learned_logit_scale(tensors))


def numbers(config):
    """{column of open_clip_models.csv: value} of a config."""
    return {"embed": config.embed_dim, "width": config.vision.width, "layers": config.vision.layers,
            "patch": config.patch_size, "text_width": config.text.width, "text_layers": config.text.layers,
            "context": config.context, "vocabulary": config.vocabulary}


class _Shapes:
    def __init__(self, tensors, where):
        self._tensors = tensors
        self._where = where

    def of(self, key, *expected):
        """The shape of a tensor that must be there; `expected` has a number, or a letter for any that is equal where
        the letter is."""
        wanted = f"({', '.join(map(str, expected))})"
        if key not in self._tensors:
            raise ConvertError(f"{self._where}: tensor {key} of shape {wanted} is missing; this is not a CLIP with vision "
                               "transformer, or not all of one")
        shape, letters = self._tensors[key].shape, {}
        fits = len(shape) == len(expected) and 0 not in shape and all(
            found == (want if isinstance(want, int) else letters.setdefault(want, found))
            for found, want in zip(shape, expected))
        if not fits:
            raise ConvertError(f"{self._where}: tensor {key} has shape {shape}, {wanted} is needed"
                               f"{transposed_hint(shape, expected)}")
        return shape

    def length(self, *keys):
        """Of most of these vectors."""
        found = _most_common([self._tensors[key].shape[0] for key in keys
                              if key in self._tensors and len(self._tensors[key].shape) == 1])
        return found or self.of(keys[0], "C")[0]

    def _mlp_width(self, prefix, width):
        """The bias has it, and each of the two matrices, turned round or not."""
        elements = {part: math.prod(self._tensors[key].shape) for part in ("c_fc.bias", "c_fc.weight", "c_proj.weight")
                    if (key := f"{prefix}.{part}") in self._tensors}
        found = _most_common([count // (1 if part.endswith("bias") else width) for part, count in elements.items()])
        return found or self.of(f"{prefix}.c_fc.bias", "F")[0]

    def tower(self, prefix, width, heads, option):
        """One transformer, its layers counted."""
        layers = {int(found[1]) for key in self._tensors
                  if (found := re.match(re.escape(prefix) + r"\.resblocks\.(\d{1,6})\.", key))}
        if layers != set(range(len(layers))) or not layers:
            raise ConvertError(f"{self._where}: {prefix} has blocks {sorted(layers)}, blocks from 0 on are needed")
        if heads is None and width % DEFAULT_HEAD_WIDTH:
            raise ConvertError(f"{self._where}: {prefix} is {width} wide, not a multiple of {DEFAULT_HEAD_WIDTH}; "
                               f"tell its heads with {option}")
        mlp_width = self._mlp_width(f"{prefix}.resblocks.0.mlp", width)
        return Tower(width, len(layers), heads or width // DEFAULT_HEAD_WIDTH, mlp_width)


def _most_common(values):
    """None of none; the first of several that are equally common."""
    return Counter(values).most_common(1)[0][0] if values else None


def transposed_hint(found, expected):
    """A few words when the shape is the expected one turned round."""
    turned = len(found) == len(expected) == 2 and found != tuple(expected) and all(
        isinstance(want, str) or have == want for have, want in zip(found[::-1], expected))
    return "; it is transposed" if turned else ""
