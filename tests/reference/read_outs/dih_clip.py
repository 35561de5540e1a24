"""DIH-CLIP: SC-CLIP without repair; the heads of lowest entropy, a third of them, attend for all channels."""
import torch

from . import Inputs
from ..transformer import attention, out_projection, split_heads
from ._self_calibrated import block_name, features as calibrated, inside, lowest_entropy, over_all_channels

SPELLINGS = ["dih-clip", "dih-clip:class-weight=0.6,threshold=0.3"]


def late_features(streams, model, late):
    """Patches of F_9 + u_9, u_9 = out_proj(Σ of the chosen heads' σ(kkᵀτ) · V)"""
    q, k, v = inside(streams[late - 1], model, late)
    u = over_all_channels(attention(k, k), v, lowest_entropy(attention(q, k)))
    return (streams[late] + out_projection(split_heads(u), model, block_name(late)))[:, 1:]


def attend(q, k, v, late, second):
    maps = 0.5 * (attention(k, k) + late)
    return split_heads(over_all_channels(maps, v, lowest_entropy(maps)) / maps.shape[1])


def features(inputs: Inputs, threshold: float = 0.4, class_weight="published") -> torch.Tensor:
    return calibrated(inputs, attend, threshold, class_weight, late_features=late_features)
