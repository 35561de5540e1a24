"""RF-CLIP (AAAI 2026) as its released code computes it: sink patches softened after every block, the key-key maps of all blocks
averaged for the last one, which runs twice on patches mixed by their similarity; then the words adapt to the photo."""
import torch
from torch.nn import functional as F

from ..transformer import attention, out_projection
from ._clip_blocks import embed, name, ordinary, project, qkv_of, unit

SPELLINGS = ["rf-clip", "rf-clip:scene=window", "rf-clip:w=0.25,alpha=0.2,h=0.004", "rf-clip:sinks=4+17+100,share=1.6,w=0,h=0",
             "rf-clip:w=0,alpha=0,similar=0.7"]

# The channels in which sink patches stand out, of the towers for which they were published.
CHANNELS = {768: [4, 162, 189, 326, 429, 474, 633, 713], 1024: [250, 261, 437, 650, 720, 779, 936, 1005]}


def channels(width: int, sinks: str) -> list[int]:
    if sinks == "published":
        return CHANNELS.get(width, [])
    return [] if sinks == "none" else [int(c) for c in str(sinks).replace(".0", "").split("+")]


def sink_patches(patches: torch.Tensor, listed: list[int], share: float) -> torch.Tensor:
    """(B, h·w, C) → (B, h·w) bool"""
    shifted = patches - patches.amin(dim=-1, keepdim=True)
    parts = shifted / shifted.sum(dim=-1, keepdim=True).clamp(min=1e-8)
    return parts[..., listed].amax(dim=-1) > share / patches.shape[-1]


def soften(x: torch.Tensor, grid, listed: list[int], share: float) -> torch.Tensor:
    """Sink patches of (B, 1 + h·w, C) take 0.4 of the mean of their 3×3 neighbourhood, zeros outside."""
    if not listed:
        return x
    patches = x[:, 1:]
    planes = patches.transpose(1, 2).unflatten(2, grid)
    mean = F.avg_pool2d(planes, 3, stride=1, padding=1, count_include_pad=True).flatten(2).transpose(1, 2)
    soft = torch.where(sink_patches(patches, listed, share)[..., None], 0.6 * patches + 0.4 * mean, patches)
    return torch.cat([x[:, :1], soft], dim=1)


def similarity(g: torch.Tensor, similar: float) -> torch.Tensor:
    """(B, N, C) → cosines of the patches (B, h·w, h·w), those below `similar` set to 0"""
    patches = unit(g[:, 1:])
    cosines = patches @ patches.transpose(1, 2)
    return torch.where(cosines < similar, 0, cosines)


def _tower(model, images, listed, share):
    """→ g_1 … g_last (the last block's too), the sum of the key-key maps of all blocks but the last"""
    x, grid = embed(model, images)
    streams, maps = [], 0
    for block in range(1, model.vision_layers + 1):
        before = x
        x, _, k = ordinary(model, block, x)
        x = soften(x, grid, listed, share)
        streams.append(x)
        if block < model.vision_layers:
            maps = maps + attention(k, k)
    return streams, maps, before


def _pass(model, x, maps):
    """The last block on x, with the mean of all blocks' key-key maps; of patches alone."""
    last = model.vision_layers
    _, k, v = qkv_of(model, last, x)
    weights = (maps + attention(k, k)) / last
    return out_projection(weights[:, :, 1:, 1:] @ v[:, :, 1:], model, name(last))


def features(inputs, sinks="published", share=5.0, similar=0.4, **_):
    model = inputs.model
    streams, maps, x = _tower(model, inputs.windows, channels(model["visual.proj"].shape[0], sinks), share)
    g = torch.stack(streams).mean(dim=0)
    s = similarity(g, similar)
    mixed = [torch.cat([y[:, :1], s @ y[:, 1:]], dim=1) for y in (x, g)]
    return project(model, sum(_pass(model, y, maps) for y in mixed) / 2)


def clusters(bank: torch.Tensor, h: float) -> list[list[int]]:
    """(K, E) unit → groups of queries: complete linkage by cosine distance. The two closest groups, by their farthest members,
    become one as long as they are not farther than h apart."""
    distance = 1 - bank @ bank.T
    groups = [[k] for k in range(len(bank))]
    while len(groups) > 1:
        apart, a, b = min((float(distance[groups[a]][:, groups[b]].max()), a, b) for b in range(len(groups)) for a in range(b))
        if apart > h:
            break
        groups[a] += groups.pop(b)
    return [sorted(group) for group in groups]


def cosines(inputs, features, w=0.1, alpha=0.03, h=0.1, scene="photo", sinks="published", share=5.0, **_):
    model, bank = inputs.model, inputs.bank.to(features.dtype)
    of = inputs.photo[None] if scene == "photo" else inputs.windows
    streams, _, _ = _tower(model, of, channels(model["visual.proj"].shape[0], sinks), share)
    g = (project(model, streams[-1][:, 0]) @ bank.T).expand(len(features), -1)  # (B, K)
    groups, out = clusters(bank, h), []
    for f, fit in zip(features, g):
        words = bank.clone()
        for members in groups:
            t = members[int(fit[members].argmax())]
            nearest = (f @ bank[t]).topk(min(2, len(f))).indices
            words[t] = unit((1 - alpha) * bank[t] + alpha * unit(f[nearest].mean(dim=0)))
        out.append((1 - w) * f @ words.T + w * fit)
    return torch.stack(out)
