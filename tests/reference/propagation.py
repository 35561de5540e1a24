"""PEARL's label propagation (CVPR 2026): conjugate gradients on a coarse grid of the photo, on planes of the photo's size."""
import torch
from torch.nn import functional as F

from .labels import resize_bilinear


def certainty(bank: torch.Tensor) -> torch.Tensor:
    """(K, E) → (K): the diagonal of what words have in common."""
    words = F.normalize(bank, dim=1)
    matrix = torch.softmax(words @ words.T / 0.5, dim=1) + 10 * torch.eye(len(bank), dtype=bank.dtype)
    return (matrix / (matrix.sum(dim=1, keepdim=True) + 1e-6)).diagonal()


def matrix(guide: torch.Tensor, logits: torch.Tensor, sure: torch.Tensor):
    """guide (3, h, w), logits (K, h, w) → (confidence (h, w), the system's product with planes)."""
    p = torch.softmax(logits, dim=0)
    weights = sure[:, None, None]
    confidence = p.amax(dim=0).clamp_min(0.05) ** 2 * (1 + (weights * p * p).sum(dim=0).clamp(0, 1))
    grey = 0.299 * guide[0] + 0.587 * guide[1] + 0.114 * guide[2]

    def edges(axis):
        if grey.shape[axis] < 2:
            return None
        step = grey.diff(dim=axis).abs()
        n = grey.shape[axis]
        alike = (weights * p.narrow(axis + 1, 0, n - 1) * p.narrow(axis + 1, 1, n - 1)).sum(dim=0).clamp(0, 1)
        return (torch.exp(-5 * step / (step.mean() + 1e-6)) * (1 + alike)).clamp(0, 1)

    weighted = [(axis, edges(axis)) for axis in (0, 1)]

    def product(x):
        out = confidence * x
        for axis, weight in weighted:
            if weight is not None:
                flow = weight * x.diff(dim=axis + 1)
                first, last = [(0, 0)] * 2, [(0, 0)] * 2
                first[axis], last[axis] = (0, 1), (1, 0)
                pads = [[value for pair in reversed(where) for value in pair] for where in (first, last)]
                out = out - F.pad(flow, pads[0]) + F.pad(flow, pads[1])
        return out

    return confidence, product


def propagate(image: torch.Tensor, planes: torch.Tensor, bank: torch.Tensor, iterations: int = 25, cells: int = 80) -> torch.Tensor:
    """planes (K, H, W), guided by image (3, h, w); bank (K, E)."""
    size = planes.shape[-2:]
    shrink = tuple(max(1, round(length / cells)) for length in size)
    start = F.avg_pool2d(planes[None], shrink)[0]
    guide = F.avg_pool2d(resize_bilinear(image[None], *size), shrink)[0]
    confidence, product = matrix(guide, start, certainty(bank))
    x = start.clone()
    residual = confidence * start - product(x)
    direction, squares = residual.clone(), (residual * residual).sum()
    for _ in range(iterations):
        moved = product(direction)
        length = squares / ((direction * moved).sum() + 1e-12)
        x = x + length * direction
        residual = residual - length * moved
        now = (residual * residual).sum()
        direction = residual + now / (squares + 1e-12) * direction
        squares = now
    return resize_bilinear(x[None], *size)[0]
