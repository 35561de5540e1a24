"""Attention of the last image block, per policy. The class token takes part; heads are separate."""
from dataclasses import dataclass
from typing import Callable

import torch

from .transformer import attention


@dataclass(frozen=True)
class Policy:
    """`weights(q, k, grid)` → (B, A, N, N), or None for "each token attends to itself alone".

    q, k: (B, A, N, 64); grid: (h, w) with N = 1 + h·w."""
    weights: Callable | None
    residual: bool = True
    mlp: bool = True


def _self_self(a):
    return attention(a, a)


def _neighbourhood(grid, sigma: float, like: torch.Tensor) -> torch.Tensor:
    """exp(−d²/2σ²) between patches, 0 for the class row and column: (N, N)"""
    h, w = grid
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    at = torch.stack([y.flatten(), x.flatten()], 1).to(like.dtype)
    omega = like.new_zeros(1 + h * w, 1 + h * w)
    omega[1:, 1:] = torch.exp(-((at[:, None] - at[None]) ** 2).sum(-1) / (2 * sigma**2))
    return omega


POLICIES = {
    "clip": Policy(lambda q, k, grid: attention(q, k)),
    "maskclip": Policy(None),
    # Rows sum to 2: the two maps are added, not averaged.
    "sclip": Policy(lambda q, k, grid: _self_self(q) + _self_self(k)),
    "q-only": Policy(lambda q, k, grid: _self_self(q)),
    "k-only": Policy(lambda q, k, grid: _self_self(k)),
    "clearclip": Policy(lambda q, k, grid: _self_self(q), residual=False, mlp=False),
    "naclip": Policy(lambda q, k, grid: attention(k, k, _neighbourhood(grid, 5.0, k)), residual=False, mlp=False),
}
