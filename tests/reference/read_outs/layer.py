"""The attention map of block i, counted from 1, in the last block (the paper's Table 3)."""
import torch

from ..transformer import layer_norm, qkv
from ..vision import embed, last_block, project, run_block

SPELLINGS = ["layer-7", "layer:i=1", "layer:i=12"]
IN_NAME = "i"


def features(inputs, i: float = 3):
    model, kept = inputs.model, None
    x, _ = embed(model, inputs.windows)
    for number in range(1, model.vision_layers + 1):
        if number == i:
            block = f"visual.transformer.resblocks.{number - 1}"
            q, k, _ = qkv(layer_norm(x, model, f"{block}.ln_1"), model, block)
            kept = torch.softmax(q @ k.transpose(-1, -2) / (8 * inputs.temperature), dim=-1)
        if number < model.vision_layers:
            x = run_block(model, x, number - 1)
    return project(model, last_block(model, x, lambda q, k, v, normed: kept @ v))[:, 1:]
