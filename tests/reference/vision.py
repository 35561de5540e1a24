"""The vision tower: windows to features."""
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


def tokens(model: Model, images: torch.Tensor, policy: str = "sclip") -> torch.Tensor:
    """images: (B, 3, H, W) normalised → (B, 1 + h·w, E), unit length, class token first."""
    rule = POLICIES[policy]
    x = F.conv2d(images.to(model.dtype), model["visual.conv1.weight"], stride=model.patch)  # (B, C, h, w), floored
    h, w = x.shape[2:]
    x = x.flatten(2).transpose(1, 2)  # (B, h·w, C)
    x = torch.cat([model["visual.class_embedding"].expand(x.shape[0], 1, -1), x], dim=1)
    x = layer_norm(x + positions(model, h, w), model, "visual.ln_pre")
    for i in range(model.vision_layers):
        block = f"visual.transformer.resblocks.{i}"
        last = i == model.vision_layers - 1
        normed = layer_norm(x, model, f"{block}.ln_1")
        q, k, v = qkv(normed, model, block)
        if not last:
            x = x + out_projection(attention(q, k) @ v, model, block)
            x = x + mlp(layer_norm(x, model, f"{block}.ln_2"), model, block)
            continue
        attended = v if rule.weights is None else rule.weights(q, k, normed, (h, w)) @ v
        attended = out_projection(attended, model, block)
        x = x + attended if rule.residual else attended
        if rule.mlp:
            x = x + mlp(layer_norm(x, model, f"{block}.ln_2"), model, block)
    x = layer_norm(x, model, "visual.ln_post") @ model["visual.proj"]
    return x / x.norm(dim=-1, keepdim=True)


def last_attention_rows(model: Model, images: torch.Tensor, policy: str = "sclip") -> torch.Tensor:
    """(B, A, N, N) weights of the last block: only to judge whether random weights discriminate."""
    captured = {}
    rule = POLICIES[policy]
    original = rule.weights

    def capture(q, k, x, grid):
        captured["weights"] = original(q, k, x, grid)
        return captured["weights"]
    POLICIES[policy] = type(rule)(capture, rule.residual, rule.mlp)
    try:
        tokens(model, images, policy)
    finally:
        POLICIES[policy] = rule
    return captured["weights"]
