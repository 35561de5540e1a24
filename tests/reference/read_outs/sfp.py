"""SFP: outliers are what the class token looks at in the last block but one; a third each of queries, keys and late cosines attend."""
import torch

from . import Inputs
from ..transformer import attention
from ._self_calibrated import features as calibrated, inside

SPELLINGS = ["sfp", "sfp:class-weight=0.6,threshold=0.3"]


def outliers(streams, grid, model):
    """Up to ten patches that the class token attends to, times 1.5, more than they do to themselves."""
    q, k, _ = inside(streams[-2], model, len(streams) - 1)
    a = attention(q, k).mean(1)
    from_class, own = a[:, 0, 1:], torch.diagonal(a, dim1=1, dim2=2)[:, 1:]
    marked = torch.zeros_like(from_class, dtype=torch.bool)
    for b in range(a.shape[0]):
        candidates = (1.5 * from_class[b] > own[b]).nonzero().flatten()
        best = candidates[from_class[b][candidates].argsort(descending=True, stable=True)][:10]
        marked[b, best] = True
    return marked


def attend(q, k, v, late, second):
    if second:
        return late @ v
    return (attention(k, k) + attention(q, q) + late) / 3 @ v


def features(inputs: Inputs, threshold: float = 0.4, class_weight="published") -> torch.Tensor:
    return calibrated(inputs, attend, threshold, class_weight, outliers=outliers, zero_if_alone=True,
                      attends_kept_only=True)
