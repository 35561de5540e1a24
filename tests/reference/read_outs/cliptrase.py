"""CLIPtrase (ECCV 2024): in the last block queries, keys and values attend to themselves, and the three maps are added."""
import torch

from . import Inputs
from ..transformer import attention, layer_norm, mlp, out_projection, qkv
from ..vision import positions
from ._dual_path import embed, unit_features

SPELLINGS = ["cliptrase"]


def features(inputs: Inputs) -> torch.Tensor:
    model = inputs.model
    x = embed(model, inputs.windows, positions)
    for i in range(model.vision_layers):
        block = f"visual.transformer.resblocks.{i}"
        q, k, v = qkv(layer_norm(x, model, f"{block}.ln_1"), model, block)
        last = i == model.vision_layers - 1
        weights = sum(attention(s, s) for s in (q, k, v)) if last else attention(q, k)
        x = x + out_projection(weights @ v, model, block)
        x = x + mlp(layer_norm(x, model, f"{block}.ln_2"), model, block)
    return unit_features(x[:, 1:], model)
