"""CLIP as OpenAI wrote it, under its names, with the read-outs of the last block that matter here."""
import math

import torch
import torch.nn.functional as F
from torch import nn

READ_OUTS = ("clip", "maskclip", "sclip")


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.heads = width // 64
        self.in_proj_weight = nn.Parameter(torch.randn(3 * width, width) * width**-0.5)
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)

    def split(self, x):
        batch, count, width = x.shape
        qkv = F.linear(x, self.in_proj_weight, self.in_proj_bias).view(batch, count, 3, self.heads, 64)
        return qkv.permute(2, 0, 3, 1, 4)

    def join(self, x):
        return self.out_proj(x.transpose(1, 2).flatten(2))


def attend(q, k, v, causal=False):
    """Written out: for a hundred tokens faster than the fused one of a CPU, whose gradient is slow."""
    scores = (q * 64**-0.5) @ k.transpose(-1, -2)
    if causal:
        scores = scores + torch.full(scores.shape[-2:], -torch.inf).triu(1)
    return scores.softmax(-1) @ v


# CLIP's QuickGELU x·σ(1.702 x) is SiLU(1.702 x) / 1.702. Trained is SiLU, which is one operation; the file gets matrices with the
# factor in them.
QUICK = 1.702


def for_quick_gelu(name: str, value: torch.Tensor) -> torch.Tensor:
    """A tensor of a tower trained with SiLU, as CLIP needs it."""
    if ".mlp.c_fc." in name:
        return value / QUICK
    return value * QUICK if name.endswith(".mlp.c_proj.weight") else value


class Block(nn.Module):
    def __init__(self, width, layers):
        super().__init__()
        self.attn, self.ln_1, self.ln_2 = Attention(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.mlp = nn.Sequential()
        self.mlp.add_module("c_fc", nn.Linear(width, 4 * width))
        self.mlp.add_module("gelu", nn.SiLU())
        self.mlp.add_module("c_proj", nn.Linear(4 * width, width))
        for layer in (self.attn.out_proj, self.mlp.c_fc, self.mlp.c_proj):
            nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
            nn.init.zeros_(layer.bias)
        with torch.no_grad():
            self.attn.out_proj.weight.mul_((2 * layers)**-0.5)
            self.mlp.c_proj.weight.mul_((2 * layers)**-0.5)

    def forward(self, x, causal=False):
        q, k, v = self.attn.split(self.ln_1(x))
        x = x + self.attn.join(attend(q, k, v, causal))
        return x + self.mlp(self.ln_2(x))

    def read_out(self, x, policy):
        """The class token as CLIP has it, the patches as the policy reads them out."""
        q, k, v = self.attn.split(self.ln_1(x))
        token = attend(q[:, :, :1], k, v)
        patches_q, patches_k = q[:, :, 1:], k[:, :, 1:]
        if policy == "sclip":
            patches = attend(patches_q, q, v) + attend(patches_k, k, v)
        elif policy == "clip":
            patches = attend(patches_q, k, v)
        elif policy == "maskclip":
            patches = v[:, :, 1:]
        else:
            raise ValueError(f"the trainer reads patches out by {', '.join(READ_OUTS)}, not by '{policy}'")
        x = x + self.attn.join(torch.cat([token, patches], 2))
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, width, layers):
        super().__init__()
        self.resblocks = nn.ModuleList([Block(width, layers) for _ in range(layers)])


class VisionTower(nn.Module):
    def __init__(self, width, layers, patch, image_size, embedding):
        super().__init__()
        self.side = image_size // patch
        self.conv1 = nn.Conv2d(3, width, patch, patch, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width) * 0.02)
        self.positional_embedding = nn.Parameter(torch.randn(self.side**2 + 1, width) * 0.02)
        self.ln_pre, self.ln_post = nn.LayerNorm(width), nn.LayerNorm(width)
        self.transformer = Transformer(width, layers)
        self.proj = nn.Parameter(torch.randn(width, embedding) * width**-0.5)

    def embed(self, pixels, kept=None):
        """(B, 1 + N, width); `kept`: (B, N') numbers of the patches that are not dropped."""
        x = self.conv1(pixels).flatten(2).transpose(1, 2)
        x = x + self.positional_embedding[1:].to(x.dtype)
        if kept is not None:
            x = x.gather(1, kept[:, :, None].expand(-1, -1, x.shape[2]))
        token = (self.class_embedding + self.positional_embedding[0]).to(x.dtype)
        return self.ln_pre(torch.cat([token.expand(len(x), 1, -1), x], 1))

    def forward(self, pixels, policy="sclip", kept=None):
        """(B, 1 + N, embedding), not normalised."""
        x = self.embed(pixels, kept)
        for block in self.transformer.resblocks[:-1]:
            x = block(x)
        x = self.transformer.resblocks[-1].read_out(x, policy)
        return self.ln_post(x) @ self.proj.to(x.dtype)


class TextTower(nn.Module):
    """Under CLIP's names it has no prefix. `rows` of the token table are there; the file gets all 49,408."""

    def __init__(self, width, layers, embedding, rows):
        super().__init__()
        self.token_embedding = nn.Embedding(rows, width)
        self.positional_embedding = nn.Parameter(torch.randn(77, width) * 0.01)
        self.transformer = Transformer(width, layers)
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.randn(width, embedding) * width**-0.5)
        nn.init.normal_(self.token_embedding.weight, std=0.02)

    def forward(self, rows, ends):
        x = self.token_embedding(rows) + self.positional_embedding[:rows.shape[1]]
        for block in self.transformer.resblocks:
            x = block(x, causal=True)
        return self.ln_final(x)[torch.arange(len(x)), ends] @ self.text_projection


class Learner(nn.Module):
    """What is trained on photographs: the image tower, and a free vector for each concept in the place of a text tower."""

    def __init__(self, model: dict, concepts: int, scale: float):
        super().__init__()
        self.visual = VisionTower(model["vision_width"], model["vision_layers"], model["patch"], model["image_size"], model["embedding"])
        self.concepts = nn.Parameter(F.normalize(torch.randn(concepts, model["embedding"]), dim=-1))
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
