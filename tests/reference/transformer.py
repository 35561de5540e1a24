"""What both towers share: layer norm, attention's inputs, the MLP."""
import torch
from torch.nn import functional as F

from .weights import Model


def layer_norm(x: torch.Tensor, model: Model, key: str) -> torch.Tensor:
    """x: (…, C). Statistics in the model's dtype (f32 or f64), eps inside the root."""
    return F.layer_norm(x, x.shape[-1:], model[f"{key}.weight"], model[f"{key}.bias"], model.eps)


def activation(x: torch.Tensor, quick: bool) -> torch.Tensor:
    """QuickGELU x·σ(1.702x) for OpenAI's weights, else GELU with the error function."""
    return x * torch.sigmoid(1.702 * x) if quick else F.gelu(x)


def split_heads(x: torch.Tensor) -> torch.Tensor:
    """(B, N, C) → (B, A, N, 64)"""
    return x.unflatten(-1, (-1, 64)).transpose(1, 2)


def join_heads(x: torch.Tensor) -> torch.Tensor:
    """(B, A, N, 64) → (B, N, C)"""
    return x.transpose(1, 2).flatten(2)


def qkv(x: torch.Tensor, model: Model, block: str):
    """x: ln_1's output (B, N, C) → q, k, v, each (B, A, N, 64); in_proj's rows are q, then k, then v."""
    projected = F.linear(x, model[f"{block}.attn.in_proj_weight"], model[f"{block}.attn.in_proj_bias"])
    return tuple(split_heads(part) for part in projected.chunk(3, dim=-1))


def out_projection(heads: torch.Tensor, model: Model, block: str) -> torch.Tensor:
    """(B, A, N, 64) → (B, N, C)"""
    return F.linear(join_heads(heads), model[f"{block}.attn.out_proj.weight"], model[f"{block}.attn.out_proj.bias"])


def mlp(x: torch.Tensor, model: Model, block: str) -> torch.Tensor:
    hidden = F.linear(x, model[f"{block}.mlp.c_fc.weight"], model[f"{block}.mlp.c_fc.bias"])
    hidden = activation(hidden, model.quick_gelu)
    return F.linear(hidden, model[f"{block}.mlp.c_proj.weight"], model[f"{block}.mlp.c_proj.bias"])


def attention(q: torch.Tensor, k: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
    """softmax(q kᵀ / √64 + mask): (B, A, N, N)"""
    scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
    return torch.softmax(scores if mask is None else scores + mask, dim=-1)
