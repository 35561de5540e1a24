"""ResCLIP (CVPR 2025) as its released code computes it: NACLIP's attention mixed with the ordinary maps of the middle blocks, run
twice; what the first pass makes of the words decides which patches attend to each other in the second."""
import torch

from .. import pamr
from ..labels import resize_bilinear
from ..policies import _neighbourhood
from ..transformer import attention, out_projection
from ._clip_blocks import embed, name, ordinary, project, qkv_of

SPELLINGS = ["resclip", "resclip:tau-r=1,lambda-r=0.2,tau-s=2.2,lambda-s=0.6,t=0.3", "resclip:lambda-r=0", "resclip:lambda-s=0"]

SIGMA, SCALE = 5.0, 40.0


def block_at_depth(published: int, blocks: int) -> int:
    return min(max(int(published * blocks / 12 + 0.5), 1), blocks)


def patch_labels(planes: torch.Tensor, t: float, patch: int, grid) -> torch.Tensor:
    """(K, H, W) cosines → (h, w): of each pixel the likeliest query, 0 where it is less likely than t; of a patch the most
    frequent, the smallest of several."""
    probability = torch.softmax(SCALE * planes, dim=0)
    best, label = probability.max(dim=0)
    label = torch.where(best < t, 0, label)
    h, w = grid
    of_patch = label[:h * patch, :w * patch].reshape(h, patch, w, patch).transpose(1, 2).reshape(h * w, -1)
    return torch.stack([torch.bincount(row).argmax() for row in of_patch]).reshape(h, w)


def straight(labels: torch.Tensor) -> torch.Tensor:
    """(h, w) → (h·w, h·w) bool: whether the line from patch i to patch j stays in i's label, as far as it is looked at: at the
    first c + 1 of the points that the grid's longest line has, c the distance in patches."""
    h, w = labels.shape
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    at = torch.stack([y.flatten(), x.flatten()], 1)
    c = distance(h, w)
    points = torch.linspace(0, 1, int(c.max()) + 1, dtype=torch.float32)
    ok = torch.ones(h * w, h * w, dtype=torch.bool)
    for n, p in enumerate(points):
        cell = [(at[:, None, d] * (1 - p) + at[None, :, d] * p).round().long() for d in (0, 1)]
        ok &= (labels[cell[0], cell[1]] == labels.flatten()[:, None]) | (n > c)
    return ok


def distance(h: int, w: int) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    at = torch.stack([y.flatten(), x.flatten()], 1)
    return (at[:, None] - at[None]).abs().amax(dim=-1)


def affinity(labels: torch.Tensor, dtype) -> torch.Tensor:
    """(h, w) → V (h·w, h·w), rows summing to 1"""
    h, w = labels.shape
    flat = labels.flatten()
    c = distance(h, w).to(dtype)
    v = (flat[:, None] == flat[None]).to(dtype)
    v = torch.where(straight(labels), v, v * torch.exp(-c / c.max().clamp(min=1)))
    taps = min(h * w, 31)
    taps += 1 - taps % 2
    kernel = torch.exp(-(torch.arange(taps, dtype=dtype) - taps // 2) ** 2 / (2 * SIGMA**2))
    v = torch.nn.functional.conv1d(v[:, None], (kernel / kernel.sum())[None, None], padding=taps // 2)[:, 0]
    return v / (v.sum(dim=1, keepdim=True) + 1e-8)


def feedback(labels: torch.Tensor, lambda_s: float, dtype) -> torch.Tensor:
    """λ·V̂ (N, N), rounded to f16 twice, as the released code does whatever the rest is computed in"""
    n = labels.numel() + 1
    v = torch.zeros(n, n, dtype=dtype)
    v[1:, 1:] = affinity(labels, dtype)
    return (lambda_s * (v / v.max()).half()).to(dtype)


def features(inputs, tau_r=2.0, lambda_r=0.4, tau_s=1.8, lambda_s=0.7, t=0.11, **_):
    model, last = inputs.model, inputs.model.vision_layers
    x, grid = embed(model, inputs.windows)
    middle = {block_at_depth(b, last) for b in (6, 7, 8, 9)} - {last}
    maps = []
    for block in range(1, last):
        x, weights, _ = ordinary(model, block, x)
        if block in middle:
            maps.append(weights)
    crossed = torch.stack(maps).mean(dim=0) if maps else 0
    _, k, v = qkv_of(model, last, x)
    omega = _neighbourhood(grid, SIGMA, k)
    keys = k @ k.transpose(-1, -2) * k.shape[-1] ** -0.5

    def attend(scores):
        weights = tau_r * ((1 - lambda_r) * torch.softmax(scores, dim=-1) + lambda_r * crossed)
        return project(model, out_projection(weights @ v, model, name(last))[:, 1:])

    first = attend(keys + omega) @ inputs.bank.to(model.dtype).T
    height, width = inputs.windows.shape[2:]
    feedbacks = []
    for window, logits in zip(inputs.windows, first):
        planes = resize_bilinear(logits.T.unflatten(1, grid)[None], height, width)[0]
        labels = patch_labels(pamr.pamr(window, planes), t, model.patch, grid)
        feedbacks.append(feedback(labels, lambda_s, model.dtype))
    return attend(tau_s * ((1 - lambda_s) * keys + torch.stack(feedbacks)[:, None]) + omega)
