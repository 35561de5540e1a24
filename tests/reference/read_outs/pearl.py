"""PEARL (CVPR 2026): keys are rotated onto the queries by Procrustes' rotation of each head before they meet."""
import torch

from ..transformer import join_heads, out_projection, qkv
from ..vision import attention, layer_norm, mlp, positions
from . import Inputs

SPELLINGS = ["pearl", "pearl:alpha=0.3"]
STEPS = 5  # part of the definition: on an ill-conditioned B they do not converge


def polar_factor(b: torch.Tensor, steps: int = STEPS) -> torch.Tensor:
    """(…, d, d) → what `steps` Newton–Schulz steps make of its orthogonal polar factor."""
    c = b.transpose(-1, -2) @ b
    a = torch.linalg.matrix_norm(c).clamp(min=1e-6)[..., None, None]
    eye = torch.eye(b.shape[-1], dtype=b.dtype)
    y, z = c / a + 1e-6 * eye, eye.expand_as(c)
    for _ in range(steps):
        t = 0.5 * (3 * eye - z @ y)
        y, z = y @ t, t @ z
    return b @ z / a.sqrt()


def centred(q: torch.Tensor, k: torch.Tensor):
    """(B, A, N, d) twice, minus the mean over tokens; a token weighs as much as its query is long, the class token nothing."""
    weight = q.norm(dim=-1, keepdim=True)
    weight = torch.cat([torch.zeros_like(weight[..., :1, :]), weight[..., 1:, :]], dim=-2)
    weight = weight / (weight.sum(-2, keepdim=True) + 1e-6)
    return q - (weight * q).sum(-2, keepdim=True), k - (weight * k).sum(-2, keepdim=True)


def features(inputs: Inputs, alpha: float = 0.08) -> torch.Tensor:
    model = inputs.model
    x = torch.nn.functional.conv2d(inputs.windows.to(model.dtype), model["visual.conv1.weight"], stride=model.patch)
    h, w = x.shape[2:]
    x = x.flatten(2).transpose(1, 2)
    x = torch.cat([model["visual.class_embedding"].expand(x.shape[0], 1, -1), x], dim=1)
    x = layer_norm(x + positions(model, h, w), model, "visual.ln_pre")
    for i in range(model.vision_layers):
        block = f"visual.transformer.resblocks.{i}"
        q, k, v = qkv(layer_norm(x, model, f"{block}.ln_1"), model, block)
        if i < model.vision_layers - 1:
            x = x + out_projection(attention(q, k) @ v, model, block)
            x = x + mlp(layer_norm(x, model, f"{block}.ln_2"), model, block)
    q_c, k_c = centred(q, k)
    rotated = k @ polar_factor(k_c.transpose(-1, -2) @ q_c)
    scores = (q @ rotated.transpose(-1, -2) + alpha * k_c @ k_c.transpose(-1, -2)) * q.shape[-1] ** -0.5
    x = out_projection(torch.softmax(scores, dim=-1) @ v, model, block)
    x = (layer_norm(x, model, "visual.ln_post") @ model["visual.proj"])[:, 1:]
    return x / x.norm(dim=-1, keepdim=True)
