"""CLIP as one writes it in PyTorch for speed: fused attention, packed projections. Also what gets exported."""
import torch
from torch import nn
from torch.nn import functional as F


def linear_of(tensors: dict, weight: str, bias: str) -> nn.Linear:
    layer = nn.Linear(*tensors[weight].shape[::-1])
    layer.weight, layer.bias = nn.Parameter(tensors[weight]), nn.Parameter(tensors[bias])
    return layer


def norm_of(tensors: dict, key: str) -> nn.LayerNorm:
    norm = nn.LayerNorm(tensors[f"{key}.weight"].shape[0])
    norm.weight, norm.bias = nn.Parameter(tensors[f"{key}.weight"]), nn.Parameter(tensors[f"{key}.bias"])
    return norm


class Block(nn.Module):
    """x: (B, N, C). `policy` 'clip' or 'sclip'; fused attention, the two maps of sclip as two calls of it."""

    def __init__(self, tensors: dict, prefix: str, policy: str = "clip", causal: bool = False):
        super().__init__()
        self.ln_1, self.ln_2 = norm_of(tensors, f"{prefix}.ln_1"), norm_of(tensors, f"{prefix}.ln_2")
        self.qkv = linear_of(tensors, f"{prefix}.attn.in_proj_weight", f"{prefix}.attn.in_proj_bias")
        self.out = linear_of(tensors, f"{prefix}.attn.out_proj.weight", f"{prefix}.attn.out_proj.bias")
        self.fc1 = linear_of(tensors, f"{prefix}.mlp.c_fc.weight", f"{prefix}.mlp.c_fc.bias")
        self.fc2 = linear_of(tensors, f"{prefix}.mlp.c_proj.weight", f"{prefix}.mlp.c_proj.bias")
        self.heads = self.qkv.in_features // 64
        self.policy, self.causal = policy, causal

    def forward(self, x):
        b, n, c = x.shape
        q, k, v = self.qkv(self.ln_1(x)).view(b, n, 3, self.heads, 64).permute(2, 0, 3, 1, 4).unbind(0)
        if self.policy == "sclip":
            y = F.scaled_dot_product_attention(q, q, v) + F.scaled_dot_product_attention(k, k, v)
        else:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        x = x + self.out(y.transpose(1, 2).reshape(b, n, c))
        h = self.fc1(self.ln_2(x))
        return x + self.fc2(h * torch.sigmoid(1.702 * h))


class VisionEncoder(nn.Module):
    """images (B, 3, S, S) → unit patch features (B, N − 1, E), at the native window size."""

    def __init__(self, tensors: dict, policy: str = "sclip"):
        super().__init__()
        kernel = tensors["visual.conv1.weight"]
        self.conv = nn.Conv2d(3, kernel.shape[0], kernel.shape[-1], kernel.shape[-1], bias=False)
        self.conv.weight = nn.Parameter(kernel)
        self.cls = nn.Parameter(tensors["visual.class_embedding"].view(1, 1, -1))
        self.positions = nn.Parameter(tensors["visual.positional_embedding"])
        self.ln_pre, self.ln_post = norm_of(tensors, "visual.ln_pre"), norm_of(tensors, "visual.ln_post")
        layers = sum(k.startswith("visual.transformer") and k.endswith("ln_1.weight") for k in tensors)
        self.blocks = nn.ModuleList(Block(tensors, f"visual.transformer.resblocks.{i}",
                                          policy if i == layers - 1 else "clip") for i in range(layers))
        self.proj = nn.Parameter(tensors["visual.proj"])

    def forward(self, images):
        x = self.conv(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(x.shape[0], -1, -1), x], dim=1)
        x = self.ln_pre(x + self.positions)
        for block in self.blocks:
            x = block(x)
        x = self.ln_post(x)[:, 1:] @ self.proj
        return x / x.norm(dim=-1, keepdim=True)


class TextEncoder(nn.Module):
    """ids (B, 77) → unit text features (B, E)."""

    def __init__(self, tensors: dict):
        super().__init__()
        self.embedding = nn.Embedding.from_pretrained(tensors["token_embedding.weight"])
        self.positions = nn.Parameter(tensors["positional_embedding"])
        layers = sum(k.startswith("transformer") and k.endswith("ln_1.weight") for k in tensors)
        self.blocks = nn.ModuleList(Block(tensors, f"transformer.resblocks.{i}", causal=True) for i in range(layers))
        self.ln_final = norm_of(tensors, "ln_final")
        self.proj = nn.Parameter(tensors["text_projection"])

    def forward(self, ids):
        x = self.embedding(ids) + self.positions
        for block in self.blocks:
            x = block(x)
        x = self.ln_final(x[torch.arange(len(ids)), ids.argmax(dim=-1)]) @ self.proj
        return x / x.norm(dim=-1, keepdim=True)
