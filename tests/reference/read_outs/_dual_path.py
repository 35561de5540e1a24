"""What GEM and CLIP Surgery share: from the seventh block on a second stream, beside CLIP's own, and positions resampled by PyTorch."""
import torch
from torch.nn import functional as F

from ..transformer import attention, layer_norm, mlp, out_projection, qkv
from ..weights import Model


def resampled(model: Model, h: int, w: int, **interpolate) -> torch.Tensor:
    """(1 + h·w, C): the square table as PyTorch makes h×w of it."""
    table, side = model["visual.positional_embedding"], model.native_grid
    grid = table[1:].unflatten(0, (side, side)).permute(2, 0, 1)[None]
    grid = F.interpolate(grid, size=(h, w), align_corners=False, **interpolate)[0]
    return torch.cat([table[:1], grid.flatten(1).T])


def embed(model: Model, windows: torch.Tensor, positions) -> torch.Tensor:
    """windows: (B, 3, H, W); positions(model, h, w) → the stream before the first block, (B, 1 + h·w, C)"""
    x = F.conv2d(windows.to(model.dtype), model["visual.conv1.weight"], stride=model.patch)
    table = positions(model, *x.shape[2:])
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([model["visual.class_embedding"].expand(x.shape[0], 1, -1), x], dim=1)
    return layer_norm(x + table, model, "visual.ln_pre")


def run(model: Model, x: torch.Tensor, second_attention) -> tuple[torch.Tensor, torch.Tensor]:
    """`second_attention(normed, q, k, v)` → (B, A, N, 64). Returns both streams after the last block, (B, N, C)."""
    first = int(7 * model.vision_layers / 12 + 0.5) - 1
    second = None
    for i in range(model.vision_layers):
        block = f"visual.transformer.resblocks.{i}"
        if i == first:
            second = x
        normed = layer_norm(x, model, f"{block}.ln_1")
        q, k, v = qkv(normed, model, block)
        if i >= first:
            second = second + out_projection(second_attention(normed, q, k, v), model, block)
        x = x + out_projection(attention(q, k) @ v, model, block)
        x = x + mlp(layer_norm(x, model, f"{block}.ln_2"), model, block)
    return x, second


def unit_features(x: torch.Tensor, model: Model) -> torch.Tensor:
    x = layer_norm(x, model, "visual.ln_post") @ model["visual.proj"]
    return x / x.norm(dim=-1, keepdim=True)
