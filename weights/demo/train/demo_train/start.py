"""Where the image tower starts: a patch embedding that whitens, attention that looks like a trained one's, positions as waves."""
import math

import torch
import torch.nn.functional as F

from .model import VisionTower


@torch.no_grad()
def whiten_patches(tower: VisionTower, pixels: torch.Tensor) -> None:
    """conv1 = a random rotation of the patches' principal components, each scaled to about the same variance."""
    width, patch = tower.conv1.out_channels, tower.conv1.kernel_size[0]
    x = F.unfold(pixels, patch, stride=patch).transpose(1, 2).flatten(0, 1)
    x = x - x.mean(0)
    values, vectors = torch.linalg.eigh(x.T @ x / len(x))
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    kept = min(width, x.shape[1])
    weight = torch.zeros(width, x.shape[1])
    weight[:kept] = (vectors[:, :kept] * (values[:kept] + values[min(64, kept - 1)])**-0.5).T
    weight = torch.linalg.qr(torch.randn(width, width))[0] @ weight
    tower.conv1.weight.copy_((weight / (x @ weight.T).std()).view_as(tower.conv1.weight))


@torch.no_grad()
def mimic_attention(tower: VisionTower, likeness=0.7, values=0.4, positions=0.5) -> None:
    """q and k of a head nearly alike, value times output projection nearly minus the identity (Trockman and Kolter, 2023)."""
    width, side = tower.conv1.out_channels, tower.side
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    waves = torch.exp(torch.linspace(math.log(0.3), math.log(3), width // 4)) * math.pi / side * 2
    tower.positional_embedding[1:] = torch.cat([wave(axis.reshape(-1, 1) * waves) for axis in (x, y) for wave in (torch.sin, torch.cos)], 1) * positions
    for block in tower.transformer.resblocks:
        attention, noise = block.attn, 0.3 * likeness * width**-0.5
        for head in range(attention.heads):
            shared = torch.linalg.qr(torch.randn(width, 64))[0].T * likeness
            for part in (0, width):
                rows = slice(part + 64 * head, part + 64 * (head + 1))
                attention.in_proj_weight[rows] = shared + torch.randn(64, width) * noise
        turned = torch.linalg.qr(torch.randn(width, width))[0]
        attention.in_proj_weight[2 * width:] = turned
        attention.out_proj.weight.copy_(attention.out_proj.weight * 0.5 - values * turned.T)
