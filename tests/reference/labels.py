"""From unit features to labels: merge, softmax over queries, best synonym, filters, argmax."""
import torch
from torch.nn import functional as F


def resize_bilinear(planes: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """(…, K, h, w) → (…, K, height, width): half-pixel centres, no antialiasing."""
    return F.interpolate(planes, (height, width), mode="bilinear", align_corners=False)


def merge(window_logits: list[torch.Tensor], spans, height: int, width: int) -> torch.Tensor:
    """window_logits: per window (K, h, w), spans (y0, y1, x0, x1) → (K, height, width): mean over covering windows."""
    queries = window_logits[0].shape[0]
    total = window_logits[0].new_zeros(queries, height, width)
    count = window_logits[0].new_zeros(1, height, width)
    for logits, (y0, y1, x0, x1) in zip(window_logits, spans):
        total[:, y0:y1, x0:x1] += resize_bilinear(logits[None], y1 - y0, x1 - x0)[0]
        count[:, y0:y1, x0:x1] += 1
    return total / count


def class_scores(logits: torch.Tensor, query_class: list[int], logit_scale: float) -> torch.Tensor:
    """(K, H, W) cosines → (classes, H, W): softmax over all queries, then each class's best, not renormalised."""
    probability = torch.softmax(logits * logit_scale, dim=0)
    owner = torch.tensor(query_class)
    return torch.stack([probability[owner == c].amax(dim=0) for c in range(max(query_class) + 1)])


def area_filter(scores: torch.Tensor, area_thd: float | None) -> torch.Tensor:
    """A class ≠ 0 keeps its scores only if it wins on more than area_thd × all pixels that a class ≠ 0 wins."""
    if area_thd is None:
        return scores
    pixels = torch.bincount(scores.argmax(dim=0).flatten(), minlength=scores.shape[0])
    keep = pixels.double() > area_thd * pixels[1:].sum().double()
    keep[0] = True
    return scores * keep[:, None, None]


def labels(scores: torch.Tensor, prob_thd: float) -> torch.Tensor:
    """(classes, H, W) → (H, W) i64: argmax, lowest index on ties; class 0 where the best score < prob_thd."""
    best = scores.amax(dim=0)
    winner = (scores == best).to(torch.uint8).argmax(dim=0)
    return torch.where(best < prob_thd, 0, winner)
