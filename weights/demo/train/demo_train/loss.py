"""How far a view's class token and patches are from the words of its crops."""
from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass
class Crops:
    """views.Batch in torch, with the patches that were kept."""
    inside: torch.Tensor    # (B, K, N) bool
    words: torch.Tensor     # (B, K, C) f32
    silent: torch.Tensor    # (B, K, C) bool
    dominant: torch.Tensor  # (B, K) bool
    valid: torch.Tensor     # (B, K) bool


def cross_entropy(logits, words, silent, smoothing):
    """(…) of (…, C): softmax over the words that are known to be there or not; the target is even over those that are there."""
    allowed = ~silent
    target = words / words.sum(-1, keepdim=True).clamp(min=1e-6)
    target = target * (1 - smoothing) + smoothing * allowed / allowed.sum(-1, keepdim=True).clamp(min=1)
    return -(target * logits.masked_fill(silent, -1e4).log_softmax(-1)).masked_fill(silent, 0).sum(-1)


def mean_over(values, valid):
    return (values * valid).sum() / valid.sum().clamp(min=1)


def losses(features, concepts, scale, crops: Crops, options: dict) -> dict[str, torch.Tensor]:
    """Terms by name, each with its weight in `options`. features: (B, 1 + N, E); concepts: (C, E), unit length."""
    features = F.normalize(features.float(), dim=-1)
    token, patches = features[:, 0], features[:, 1:]
    terms = {"class_token": mean_over(cross_entropy(scale * token @ concepts.T, crops.words[:, 0], crops.silent[:, 0],
                                                    options["smoothing"]), crops.valid[:, 0])}
    # A crop's patches, pooled.
    weights = crops.inside.float()
    count = weights.sum(-1)
    valid = crops.valid & (count >= 2)
    pooled = F.normalize(torch.bmm(weights, patches) / count.clamp(min=1)[..., None], dim=-1)
    of_crops = cross_entropy(scale * pooled @ concepts.T, crops.words, crops.silent, options["smoothing"])
    terms["pooled_view"] = mean_over(of_crops[:, 0], valid[:, 0])
    terms["pooled_boxes"] = mean_over(of_crops[:, 1:], valid[:, 1:])
    # Each patch by itself: the words compete for it.
    spread = (scale * patches @ concepts.T).log_softmax(-1)  # (B, N, C)
    says, refuses = best_patches(spread, crops, valid, count, options), stray_patches(spread, crops, valid, count)
    terms["patches"] = mean_over(says[:, 0] + refuses[:, 0], valid[:, 0])
    terms["patches_boxes"] = mean_over(says[:, 1:] + refuses[:, 1:], valid[:, 1:])
    return terms


def best_patches(spread, crops, valid, count, options):
    """(B, K): −log probability of a crop's words in those of its patches that say them best."""
    view, crop, word = torch.nonzero((crops.words > 0) & valid[..., None], as_tuple=True)
    said = spread[view, :, word].masked_fill(~crops.inside[view, crop], -1e4).sort(1, descending=True).values
    share = torch.where(crops.dominant[view, crop], options["top_dominant"], options["top_present"])
    best = torch.arange(said.shape[1])[None] < (share * count[view, crop]).round().clamp(min=1)[:, None]
    each = -(said * best).sum(1) / best.sum(1)
    part = (crops.words / crops.words.sum(-1, keepdim=True).clamp(min=1e-6))[view, crop, word]
    return torch.zeros_like(count).index_put((view, crop), each * part, accumulate=True)


def stray_patches(spread, crops, valid, count):
    """(B, K): −log probability, in a crop's patches, of all words that are not known to be absent from it."""
    possible = ((crops.words > 0) | crops.silent).float()
    held = torch.bmm(spread.exp(), possible.transpose(1, 2)).transpose(1, 2)  # (B, K, N)
    return -((held + 1e-6).log() * crops.inside).sum(-1) / count.clamp(min=1)
