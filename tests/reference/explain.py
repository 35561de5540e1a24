"""What a point of a photo is said to look at: the attention of any block, and which window and patch the point lies in."""
import functools

import numpy as np
import torch
from torch.nn import functional as F

from . import image as images
from .policies import POLICIES
from .transformer import attention, layer_norm, mlp, out_projection, qkv
from .vision import positions, tokens
from .weights import Model
from .windows import windows


@torch.no_grad()
def attention_map(model: Model, window: torch.Tensor, block: int, policy: str | None = None) -> torch.Tensor:
    """window: (3, H, W) normalised → (A, N, N): the weights of a block, counted from 1; with a policy those it puts into the block."""
    x = F.conv2d(window[None].to(model.dtype), model["visual.conv1.weight"], stride=model.patch)
    h, w = x.shape[2:]
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([model["visual.class_embedding"].expand(1, 1, -1), x], dim=1)
    x = layer_norm(x + positions(model, h, w), model, "visual.ln_pre")
    for i in range(block):
        name = f"visual.transformer.resblocks.{i}"
        normed = layer_norm(x, model, f"{name}.ln_1")
        q, k, v = qkv(normed, model, name)
        weights = attention(q, k)
        if i < block - 1:
            x = x + out_projection(weights @ v, model, name)
            x = x + mlp(layer_norm(x, model, f"{name}.ln_2"), model, name)
    if policy is None:
        return weights[0]
    rule = POLICIES[policy].weights
    if rule is None:  # every token keeps its value
        return torch.eye(q.shape[2], dtype=q.dtype).expand(q.shape[1], -1, -1)
    return rule(q, k, (h, w))[0]


def nearest(spans: list[tuple[int, int, int, int]], y: float, x: float) -> int:
    """Of the windows (y0, y1, x0, x1) that hold a place, the one whose middle is nearest."""
    holding = [i for i, (y0, y1, x0, x1) in enumerate(spans) if y0 <= y < y1 and x0 <= x < x1]
    return min(holding, key=lambda i: ((spans[i][0] + spans[i][1]) / 2 - y) ** 2 + ((spans[i][2] + spans[i][3]) / 2 - x) ** 2)


class Look:
    """A point (x, y) of a photo (H0, W0, 3): its window, the patch, and what is to be read there."""

    def __init__(self, model: Model, photo: np.ndarray, point: tuple[int, int], short_side: int, crop: int, stride: int):
        self.model = model
        height, width = images.scaled_size(*photo.shape[:2], short_side)
        self.pixels = torch.from_numpy(images.normalise(images.resize_opencv_linear(photo, height, width)))
        x, y = (point[0] + 0.5) * width / photo.shape[1], (point[1] + 0.5) * height / photo.shape[0]
        spans = windows(height, width, crop, stride)
        self.span = y0, y1, x0, x1 = spans[nearest(spans, y, x)]
        self.grid = h, w = (y1 - y0) // model.patch, (x1 - x0) // model.patch
        self.patch = min(int((y - y0) / model.patch), h - 1), min(int((x - x0) / model.patch), w - 1)
        self.index = self.patch[0] * w + self.patch[1]

    @functools.cache
    def attention(self, block: int, policy: str | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Of every head: the weights of the patches (A, h, w) and of the class token (A)"""
        y0, y1, x0, x1 = self.span
        row = attention_map(self.model, self.pixels[:, y0:y1, x0:x1], block, policy)[:, 1 + self.index]
        return row[:, 1:].unflatten(1, self.grid), row[:, 0]

    def features(self, policy: str) -> torch.Tensor:
        """Cosines with the patches of the window (h, w)"""
        y0, y1, x0, x1 = self.span
        with torch.no_grad():
            here = tokens(self.model, self.pixels[None, :, y0:y1, x0:x1], policy)[0, 1:]
        return (here @ here[self.index]).unflatten(0, self.grid)
