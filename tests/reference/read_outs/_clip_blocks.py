"""CLIP's image tower in steps, for read-outs that stand between its blocks."""
import torch
from torch.nn import functional as F

from ..transformer import attention, layer_norm, mlp, out_projection, qkv
from ..vision import positions


def embed(model, images: torch.Tensor):
    """images (B, 3, H, W) → tokens (B, 1 + h·w, C) that enter the first block, and (h, w)."""
    x = F.conv2d(images.to(model.dtype), model["visual.conv1.weight"], stride=model.patch)
    grid = tuple(x.shape[2:])
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([model["visual.class_embedding"].expand(x.shape[0], 1, -1), x], dim=1)
    return layer_norm(x + positions(model, *grid), model, "visual.ln_pre"), grid


def name(block: int) -> str:
    """block: counted from 1."""
    return f"visual.transformer.resblocks.{block - 1}"


def qkv_of(model, block: int, x: torch.Tensor):
    return qkv(layer_norm(x, model, f"{name(block)}.ln_1"), model, name(block))


def ordinary(model, block: int, x: torch.Tensor):
    """The block as CLIP has it → (x, its q·kᵀ map (B, A, N, N), its k)."""
    q, k, v = qkv_of(model, block, x)
    weights = attention(q, k)
    x = x + out_projection(weights @ v, model, name(block))
    x = x + mlp(layer_norm(x, model, f"{name(block)}.ln_2"), model, name(block))
    return x, weights, k


def unit(x: torch.Tensor) -> torch.Tensor:
    return x / x.norm(dim=-1, keepdim=True)


def project(model, x: torch.Tensor) -> torch.Tensor:
    """(…, C) → unit (…, E)"""
    return unit(layer_norm(x, model, "visual.ln_post") @ model["visual.proj"])
