"""SC-CLIP, DIH-CLIP and SFP: what their programs have in common. F_l is the residual stream behind block l, from 1, class token first.

On windows that are not square the authors' code looks for a patch's row and column with the number of rows; here with the number of columns."""
import math
from dataclasses import dataclass
from typing import Callable

import torch
from torch.nn import functional as F

from ..transformer import attention, join_heads, layer_norm, mlp, out_projection, qkv
from ..vision import positions
from ..weights import Model


@dataclass(frozen=True)
class Blocks:
    """Which F_l are read."""
    early: int
    late: int
    summed: range


def blocks_of(model: Model) -> Blocks:
    """Published for 12 and for 24 blocks; elsewhere those of 12 at the same depth, before the last block."""
    count = model.vision_layers
    if count == 24:
        return Blocks(7, 17, range(9, 20))

    def at(number):
        return min(max(math.floor(number * count / 12 + 0.5), 1), count - 1)
    return Blocks(at(4), at(9), range(at(4), at(10) + 1))


def class_weight_of(model: Model, given) -> float:
    if given == "published":
        return 0.1 if model.vision_layers == 24 else 0.3
    return float(given)


def block_name(number: int) -> str:
    return f"visual.transformer.resblocks.{number - 1}"


def embed(model: Model, windows: torch.Tensor):
    """windows (B, 3, H, W) → F_0 (B, 1 + h·w, C), (h, w)"""
    x = F.conv2d(windows.to(model.dtype), model["visual.conv1.weight"], stride=model.patch)
    grid = tuple(x.shape[2:])
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([model["visual.class_embedding"].expand(x.shape[0], 1, -1), x], dim=1)
    return layer_norm(x + positions(model, *grid), model, "visual.ln_pre"), grid


def inside(x: torch.Tensor, model: Model, number: int):
    """q, k, v (B, A, N, 64) of a block"""
    return qkv(layer_norm(x, model, f"{block_name(number)}.ln_1"), model, block_name(number))


def run_block(x: torch.Tensor, model: Model, number: int) -> torch.Tensor:
    name = block_name(number)
    q, k, v = inside(x, model, number)
    x = x + out_projection(attention(q, k) @ v, model, name)
    return x + mlp(layer_norm(x, model, f"{name}.ln_2"), model, name)


def streams(model: Model, windows: torch.Tensor):
    """[F_0, …, F_11], (h, w)"""
    x, grid = embed(model, windows)
    out = [x]
    for number in range(1, model.vision_layers):
        out.append(run_block(out[-1], model, number))
    return out, grid


def cosines(patches: torch.Tensor) -> torch.Tensor:
    """(B, n, C) → (B, n, n)"""
    norm = patches.norm(dim=-1, keepdim=True)
    unit = patches / torch.where(norm == 0, torch.ones_like(norm), norm)
    return unit @ unit.transpose(1, 2)


def kept(similarity: torch.Tensor, threshold: float) -> torch.Tensor:
    return torch.where(similarity < threshold, torch.zeros_like(similarity), similarity)


def row_normalised(x: torch.Tensor) -> torch.Tensor:
    return x / (x.sum(-1, keepdim=True) + 1e-6)


def above_mean(similarity: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """(B, n, n) → σ(M / temperature), M = 3·(S − mean) and −∞ below 0. What is within 10⁻⁶ of the mean counts as equal to it; a patch without
    any entry left attends to itself."""
    m = similarity - similarity.mean(dim=(1, 2), keepdim=True)
    m = torch.where(m.abs() < 1e-6, torch.zeros_like(m), m)
    m = torch.where(m < 0, torch.full_like(m, -math.inf), 3 * m / temperature)
    alone = torch.isinf(m).all(-1, keepdim=True)
    eye = torch.eye(m.shape[-1], dtype=torch.bool)
    return torch.softmax(torch.where(alone & eye, torch.zeros_like(m), m), dim=-1)


def repaired(patches: torch.Tensor, marked: torch.Tensor, grid, zero_if_alone: bool = False) -> torch.Tensor:
    """Marked patches (B, n) become the mean of their unmarked neighbours, of at most eight."""
    h, w = grid
    out = patches.clone()
    for b in range(patches.shape[0]):
        for p in marked[b].nonzero().flatten().tolist():
            y, x = divmod(p, w)
            near = [r * w + c for r in (y - 1, y, y + 1) for c in (x - 1, x, x + 1)
                    if 0 <= r < h and 0 <= c < w and (r, c) != (y, x) and not marked[b, r * w + c]]
            if near:
                out[b, p] = patches[b, near].mean(0)
            elif zero_if_alone:
                out[b, p] = 0
    return out


def no_outliers(all_streams, grid, model):
    return torch.zeros(all_streams[0].shape[0], grid[0] * grid[1], dtype=torch.bool)


def features(inputs, attend: Callable, threshold, class_weight, outliers: Callable = no_outliers,
             zero_if_alone: bool = False, late_features: Callable | None = None, attends_kept_only: bool = False) -> torch.Tensor:
    """attend(q, k, v, σ(M), second) → (B, A, n, 64) is the last block's attention of patches; outliers(streams, grid, model) → (B, n)."""
    model, temperature = inputs.model, inputs.temperature
    weight, which = class_weight_of(model, class_weight), blocks_of(model)
    f, grid = streams(model, inputs.windows)
    last = model.vision_layers
    marked = outliers(f, grid, model)
    x = repaired(f[-1][:, 1:], marked, grid, zero_if_alone)
    late = f[which.late][:, 1:] if late_features is None else late_features(f, model, which.late)
    similarity = cosines(repaired(late, marked, grid, zero_if_alone))
    mixed = row_normalised(kept(similarity, threshold)) @ x
    attention_map = above_mean(kept(similarity, threshold) if attends_kept_only else similarity, temperature)[:, None]

    def one_pass(patches, class_token, second):
        q, k, v = inside(patches, model, last)
        q, k = q / temperature**0.5, k / temperature**0.5  # scores are products of two of them
        return out_projection(attend(q, k, v, attention_map, second), model, block_name(last)) + weight * class_token

    early = row_normalised(kept(cosines(f[which.early][:, 1:]), threshold))
    z = early @ one_pass(mixed, f[-1][:, :1], False)
    summed = sum(f[l] for l in which.summed)
    z = z + early @ one_pass(summed[:, 1:], summed[:, :1], True)
    z = layer_norm(z, model, "visual.ln_post") @ model["visual.proj"]
    return z / z.norm(dim=-1, keepdim=True)


def lowest_entropy(maps: torch.Tensor) -> torch.Tensor:
    """(B, A, N, N) → (B, A) of bool: the third of the heads with the lowest entropy; a tie takes both."""
    entropy = -(maps * torch.log2(maps + 1e-6)).sum(dim=(2, 3))
    count = max(maps.shape[1] // 3, 1)
    return entropy <= entropy.sort(dim=1).values[:, count - 1:count]


def over_all_channels(maps: torch.Tensor, v: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Σ of the chosen heads' maps, applied to the values of all heads: (B, N, C)"""
    return (maps * chosen[:, :, None, None]).sum(1) @ join_heads(v)
