"""Pixel-adaptive mask refinement (Araslanov and Roth, CVPR 2020), on planes of the photo's size."""
import torch
from torch.nn import functional as F

from .labels import resize_bilinear


def shifted(planes: torch.Tensor, dilations) -> torch.Tensor:
    """(…, H, W) → (…, P, H, W): the 8 neighbours at each dilation, rows from the top; outside, the nearest pixel."""
    margin = max(dilations)
    height, width = planes.shape[-2:]
    flat = planes.reshape(1, -1, height, width)
    padded = F.pad(flat, (margin,) * 4, mode="replicate").reshape(*planes.shape[:-2], height + 2 * margin, width + 2 * margin)
    return torch.stack([padded[..., margin + y * d:margin + y * d + height, margin + x * d:margin + x * d + width]
                        for d in dilations for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)], dim=-3)


def weights(image: torch.Tensor, height: int, width: int, dilations=(8, 16)) -> torch.Tensor:
    """(3, h, w) normalised → (P, height, width), which sum to 1."""
    guide = resize_bilinear(image[None], height, width)[0]
    neighbours = shifted(guide, dilations)  # (3, P, H, W)
    samples = torch.cat([neighbours] + [guide[:, None]] * len(dilations), dim=1)
    deviation = samples.std(dim=1, unbiased=True)[:, None]
    affinity = -(neighbours - guide[:, None]).abs() / (1e-8 + 0.1 * deviation)
    return torch.softmax(affinity.mean(dim=0), dim=0)


def pamr(image: torch.Tensor, planes: torch.Tensor, iterations: int = 10, dilations=(8, 16)) -> torch.Tensor:
    """planes (K, H, W), guided by image (3, h, w)."""
    w = weights(image, *planes.shape[-2:], dilations)
    for _ in range(iterations):
        planes = (shifted(planes, dilations) * w).sum(dim=-3)
    return planes
