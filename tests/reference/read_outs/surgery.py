"""CLIP Surgery: values attend to values; words are weighed by the class token of the ordinary stream."""
from functools import partial

import torch

from . import Inputs
from ..text import text_bank
from ..transformer import attention
from ._dual_path import embed, resampled, run, unit_features

SPELLINGS = ["surgery", "surgery:feature=0"]


def _streams(inputs: Inputs) -> tuple[torch.Tensor, torch.Tensor]:
    x = embed(inputs.model, inputs.windows, partial(resampled, mode="bilinear"))
    return run(inputs.model, x, lambda normed, q, k, v: attention(v, v) @ v)


def features(inputs: Inputs, feature: float = 1) -> torch.Tensor:
    return unit_features(_streams(inputs)[1][:, 1:], inputs.model)


def cosines(inputs: Inputs, features: torch.Tensor, feature: float = 1) -> torch.Tensor:
    bank = inputs.bank.to(features.dtype)
    similarity = features @ bank.T
    if not feature:
        return similarity
    if len(bank) == 1:
        return similarity - features @ text_bank(inputs.model, [""]).to(features.dtype).T
    own = unit_features(_streams(inputs)[0][:, :1], inputs.model)
    p = torch.softmax(2 * own @ bank.T, dim=-1)  # (B, 1, K)
    weighed = p / p.mean(dim=-1, keepdim=True) * similarity
    return weighed - weighed.mean(dim=-1, keepdim=True)
