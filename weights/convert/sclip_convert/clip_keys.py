"""Config of a checkpoint with OpenAI's key names (open_clip has the same), inferred from shapes."""
import re

from .checkpoint import learned_logit_scale
from .config import Config, Tower
from .errors import ConvertError

IGNORABLE = [r"(.*\.)?attn_mask", "logit_scale", "logit_bias", "input_resolution", "context_length", "vocab_size"]
DEFAULT_HEAD_WIDTH = 64


def infer_config(tensors, where, activation, vision_heads=None, text_heads=None):
    """As OpenAI's build_model does; heads are width/64 unless told."""
    _refuse_other_architectures(tensors, where)
    shapes = _Shapes(tensors, where)
    width, _, patch, _ = shapes.of("visual.conv1.weight", 4)
    tokens, _ = shapes.of("visual.positional_embedding", 2)
    grid = round((tokens - 1) ** 0.5)
    if grid * grid != tokens - 1:
        raise ConvertError(f"{where}: visual.positional_embedding has {tokens} rows, which is not 1 + a square")
    context, text_width = shapes.of("positional_embedding", 2)
    vocabulary, _ = shapes.of("token_embedding.weight", 2)
    _, embed_dim = shapes.of("text_projection", 2)
    return Config(
        vision=shapes.tower("visual.transformer", width, vision_heads, "--vision-heads"),
        text=shapes.tower("transformer", text_width, text_heads, "--text-heads"),
        image_size=grid * patch, patch_size=patch, context=context, vocabulary=vocabulary, embed_dim=embed_dim,
        activation=activation, logit_scale=learned_logit_scale(tensors))


class _Shapes:
    def __init__(self, tensors, where):
        self._tensors = tensors
        self._where = where

    def of(self, key, rank):
        """The shape of a tensor that must be there."""
        if key not in self._tensors:
            raise ConvertError(f"{self._where}: tensor {key} is missing; this is not a CLIP with vision transformer")
        shape = self._tensors[key].shape
        if len(shape) != rank or 0 in shape:
            raise ConvertError(f"{self._where}: tensor {key} has shape {shape}, {rank} dimensions are needed")
        return shape

    def tower(self, prefix, width, heads, option):
        """One transformer, its layers counted."""
        layers = {int(found[1]) for key in self._tensors
                  if (found := re.match(re.escape(prefix) + r"\.resblocks\.(\d+)\.", key))}
        if layers != set(range(len(layers))) or not layers:
            raise ConvertError(f"{self._where}: {prefix} has blocks {sorted(layers)}, blocks from 0 on are needed")
        if heads is None and width % DEFAULT_HEAD_WIDTH:
            raise ConvertError(f"{self._where}: {prefix} is {width} wide, not a multiple of {DEFAULT_HEAD_WIDTH}; "
                               f"tell its heads with {option}")
        mlp_width, _ = self.of(f"{prefix}.resblocks.0.mlp.c_fc.weight", 2)
        return Tower(width, len(layers), heads or width // DEFAULT_HEAD_WIDTH, mlp_width)


def _refuse_other_architectures(tensors, where):
    for key, name in (("visual.layer1.0.conv1.weight", "a ResNet"), ("visual.attnpool.c_proj.weight", "a ResNet"),
                      ("visual.trunk.patch_embed.proj.weight", "a timm model"),
                      ("visual.trunk.stem.0.weight", "a timm model")):
        if key in tensors:
            raise ConvertError(f"{where}: the image tower is {name}; only CLIP's vision transformer is supported")
