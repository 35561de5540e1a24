"""CLIP's attention with its scores divided by t (the paper's Table 3)."""
import torch

from ._last_block import features_of

SPELLINGS = ["sharpen", "sharpen:t=0.25", "sharpen:t=3"]
IN_NAME = "t"


def features(inputs, t: float = 0.5):
    def attend(q, k, v, normed, grid):
        return torch.softmax(q @ k.transpose(-1, -2) / (8 * t * inputs.temperature), dim=-1) @ v
    return features_of(inputs, attend)
