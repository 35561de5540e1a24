"""GEM (CVPR 2024): q, k and v attend to themselves twice, with a temperature of the window's own."""
from functools import partial

import torch
from torch.nn import functional as F

from . import Inputs
from ._dual_path import embed, resampled, run, unit_features

SPELLINGS = ["gem", "gem:t=5"]


def _self_self(s: torch.Tensor, t: torch.Tensor | float) -> torch.Tensor:
    """s: (B, A, N, 64) → its map (B, A, N, N) after one step on itself"""
    s = F.normalize(s, dim=-1)
    s = torch.softmax(t * (s @ s.transpose(-1, -2)), dim=-1) @ s
    s = F.normalize(s, dim=-1)
    return torch.softmax(t * (s @ s.transpose(-1, -2)), dim=-1)


def features(inputs: Inputs, t: float = 0) -> torch.Tensor:
    def second(normed, q, k, v):
        own = normed.norm(dim=-1).mean(dim=-1)[:, None, None, None] * q.shape[-1] ** -0.5
        return sum(_self_self(s, t if t > 0 else own) for s in (v, k, q)) / 3 @ v

    x = embed(inputs.model, inputs.windows, partial(resampled, mode="bicubic", antialias=True))
    return unit_features(run(inputs.model, x, second)[1][:, 1:], inputs.model)
