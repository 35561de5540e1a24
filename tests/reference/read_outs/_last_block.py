"""What read-outs share that are CLIP up to the last block and other attention in it."""
import torch

from ..vision import embed, last_block, project, run_block


def features_of(inputs, attend) -> torch.Tensor:
    """`attend(q, k, v, normed, grid)` → (B, A, N, 64) in the last block; unit features of the patches (B, h·w, E)"""
    x, grid = embed(inputs.model, inputs.windows)
    for i in range(inputs.model.vision_layers - 1):
        x = run_block(inputs.model, x, i)
    x = last_block(inputs.model, x, lambda q, k, v, normed: attend(q, k, v, normed, grid))
    return project(inputs.model, x)[:, 1:]


def self_attention(x: torch.Tensor, matrix: torch.Tensor, temperature: float) -> torch.Tensor:
    """softmax(xW (xW)ᵀ / (8·temperature)), heads split after the product: (B, N, C), (C, C) → (B, A, N, N)"""
    y = (x @ matrix).unflatten(-1, (-1, 64)).transpose(1, 2)
    return torch.softmax(y @ y.transpose(-1, -2) / (8 * temperature), dim=-1)
