"""The limit of sharpening (the paper's Table 3): each token takes the value of its largest q·kᵀ; equal ones share.

Which is the largest is decided by rounding where two lie close. `smallest_margin` says how close; the tests run photos and weights
whose margins are far above the rounding of f32.
"""
import torch

from ._last_block import features_of

SPELLINGS = ["hardmax"]
smallest_margin = float("inf")  # between the largest and the next score of a row, relative; of the latest call


def features(inputs):
    def attend(q, k, v, normed, grid):
        global smallest_margin
        scores = q @ k.transpose(-1, -2)
        best, second = scores.topk(2, dim=-1).values.unbind(-1)
        reach = q.norm(dim=-1) * k.norm(dim=-1).amax(dim=-1, keepdim=True)  # what rounding is relative to
        smallest_margin = float(((best - second) / reach)[:, :, 1:].min())
        hard = (scores == best[..., None]).to(v.dtype)
        return hard / hard.sum(-1, keepdim=True) @ v
    return features_of(inputs, attend)
