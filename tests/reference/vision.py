"""The vision tower: windows to features."""
import hashlib

import numpy as np
import torch
from torch.nn import functional as F

from .policies import POLICIES
from .transformer import attention, layer_norm, mlp, out_projection, qkv
from .weights import Model


def _cubic(t: np.ndarray, a: float = -0.75) -> np.ndarray:
    """Weights of the four taps at −1, 0, 1, 2 for fractions t: (len(t), 4)"""
    def near(x):
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x):
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.stack([far(t + 1), near(t), near(1 - t), far(2 - t)], 1)


def _cubic_matrix(side: int, size: int) -> np.ndarray:
    """(size, side) f64. The authors pass the literal scale (size + 0.1)/side; taps are clamped to the table."""
    source = (np.arange(size) + 0.5) * side / (size + 0.1) - 0.5
    first = np.floor(source).astype(int)
    taps = np.clip(first[:, None] + np.arange(-1, 3), 0, side - 1)
    matrix = np.zeros((size, side))
    for row, (columns, weights) in enumerate(zip(taps, _cubic(source - first))):
        np.add.at(matrix[row], columns, weights)
    return matrix


def positions(model: Model, h: int, w: int) -> torch.Tensor:
    """(1 + h·w, C). Interpolated only when the token *count* differs from the table's, as the authors' code does:
    a grid of 7×28 keeps the 14×14 table."""
    table = model["visual.positional_embedding"]
    side = model.native_grid
    if h * w == side * side:
        return table
    rows = torch.from_numpy(_cubic_matrix(side, h)).to(table.dtype)
    columns = torch.from_numpy(_cubic_matrix(side, w)).to(table.dtype)
    grid = torch.einsum("hy,wx,yxc->hwc", rows, columns, table[1:].unflatten(0, (side, side)))
    return torch.cat([table[:1], grid.flatten(0, 1)])


def embed(model: Model, images: torch.Tensor) -> tuple[torch.Tensor, tuple[int, int]]:
    """images: (B, 3, H, W) normalised → what the first block reads (B, 1 + h·w, C), class token first, and (h, w)"""
    x = F.conv2d(images.to(model.dtype), model["visual.conv1.weight"], stride=model.patch)  # (B, C, h, w), floored
    h, w = x.shape[2:]
    x = x.flatten(2).transpose(1, 2)  # (B, h·w, C)
    x = torch.cat([model["visual.class_embedding"].expand(x.shape[0], 1, -1), x], dim=1)
    return layer_norm(x + positions(model, h, w), model, "visual.ln_pre"), (h, w)


def run_block(model: Model, x: torch.Tensor, i: int) -> torch.Tensor:
    """Block i, counted from 0, as CLIP has it: (B, N, C) → (B, N, C)"""
    if model.kept is None:
        return _run_block(model, x, i)
    key = (i, x.shape, hashlib.sha256(x.contiguous().numpy()).digest())
    if key not in model.kept:
        model.kept[key] = _run_block(model, x, i)
    return model.kept[key].clone()


def _run_block(model: Model, x: torch.Tensor, i: int) -> torch.Tensor:
    block = f"visual.transformer.resblocks.{i}"
    q, k, v = qkv(layer_norm(x, model, f"{block}.ln_1"), model, block)
    x = x + out_projection(attention(q, k) @ v, model, block)
    return x + mlp(layer_norm(x, model, f"{block}.ln_2"), model, block)


def last_block(model: Model, x: torch.Tensor, attend, residual: bool = True, with_mlp: bool = True) -> torch.Tensor:
    """The last block with other attention: `attend(q, k, v, normed)` → (B, A, N, 64), normed: ln_1's output (B, N, C)."""
    block = f"visual.transformer.resblocks.{model.vision_layers - 1}"
    normed = layer_norm(x, model, f"{block}.ln_1")
    attended = out_projection(attend(*qkv(normed, model, block), normed), model, block)
    x = x + attended if residual else attended
    return x + mlp(layer_norm(x, model, f"{block}.ln_2"), model, block) if with_mlp else x


def project(model: Model, x: torch.Tensor) -> torch.Tensor:
    """(B, N, C) → (B, N, E), unit length"""
    x = layer_norm(x, model, "visual.ln_post") @ model["visual.proj"]
    return x / x.norm(dim=-1, keepdim=True)


def tokens(model: Model, images: torch.Tensor, policy: str = "sclip", temperature: float = 1.0) -> torch.Tensor:
    """images: (B, 3, H, W) normalised → (B, 1 + h·w, E), unit length, class token first."""
    rule = POLICIES[policy]
    x, grid = embed(model, images)
    for i in range(model.vision_layers - 1):
        x = run_block(model, x, i)
    root = temperature ** 0.5  # each side of a product gets one

    def attend(q, k, v, normed):
        return v if rule.weights is None else rule.weights(q / root, k / root, grid) @ v
    return project(model, last_block(model, x, attend, rule.residual, rule.mlp))


def last_attention_rows(model: Model, images: torch.Tensor, policy: str = "sclip") -> torch.Tensor:
    """(B, A, N, N) weights of the last block: only to judge whether random weights discriminate."""
    captured = {}
    rule = POLICIES[policy]
    original = rule.weights

    def capture(q, k, grid):
        captured["weights"] = original(q, k, grid)
        return captured["weights"]
    POLICIES[policy] = type(rule)(capture, rule.residual, rule.mlp)
    try:
        tokens(model, images, policy)
    finally:
        POLICIES[policy] = rule
    return captured["weights"]
