"""Random weights under which no term of the computation can be forgotten unseen.

Gains lie around 1 and not at 1, biases around 0.1 and not at 0, and q, k are large enough for attention to be
neither uniform nor one-hot (in the last block, self-self attention on a photo has a diagonal around 0.1). Every
value is one that f16 represents, so that f16, f32 and f64 readers compute with the same weights.

usage: python -m tests.reference.random_weights OUT.pt|OUT.safetensors [--seed N] [--shape small]
       (ViT-B/16, a plain state dict in f16; safetensors need no PyTorch)
"""
import argparse
import json
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Shape:
    """Dimensions of a CLIP; `vision_mlp` and `text_mlp` default to 4 × width as everywhere."""
    patch: int = 16
    image_size: int = 224
    vision_width: int = 768
    vision_layers: int = 12
    text_width: int = 512
    text_layers: int = 12
    embed: int = 512
    context: int = 77
    vocabulary: int = 49408
    vision_mlp: int | None = None
    text_mlp: int | None = None
    qk_gain: float = 1.1  # of the image tower's in_proj: fewer tokens differ more from each other, and want less
    text_qk_gain: float = 2.2  # sharper, so that a prompt's few words tell prompts apart


VIT_B_16 = Shape()
SMALL = Shape(image_size=64, vision_width=128, vision_layers=2, text_width=64, text_layers=2, embed=64)
# As many blocks as the published read-outs count, narrow: what one of them does is seen in seconds.
TWELVE = Shape(patch=8, image_size=56, vision_width=256, vision_layers=12, text_width=64, text_layers=2, embed=64,
               vision_mlp=256, text_mlp=64, qk_gain=0.9, text_qk_gain=0.9)
SHAPES = {"vit-b-16": VIT_B_16, "small": SMALL, "twelve": TWELVE}


def _block(normal, prefix: str, width: int, mlp: int, qk_gain: float) -> dict:
    def linear(out, into, gain):
        return normal((out, into), gain / into**0.5)

    tensors = {}
    for norm in ("ln_1", "ln_2"):
        tensors[f"{prefix}.{norm}.weight"] = 1 + normal((width,), 0.1)
        tensors[f"{prefix}.{norm}.bias"] = normal((width,), 0.1)
    tensors[f"{prefix}.attn.in_proj_weight"] = linear(3 * width, width, qk_gain)
    tensors[f"{prefix}.attn.in_proj_bias"] = normal((3 * width,), 0.1)
    tensors[f"{prefix}.attn.out_proj.weight"] = linear(width, width, 0.5)
    tensors[f"{prefix}.attn.out_proj.bias"] = normal((width,), 0.1)
    tensors[f"{prefix}.mlp.c_fc.weight"] = linear(mlp, width, 1.0)
    tensors[f"{prefix}.mlp.c_fc.bias"] = normal((mlp,), 0.1)
    tensors[f"{prefix}.mlp.c_proj.weight"] = linear(width, mlp, 0.5)
    tensors[f"{prefix}.mlp.c_proj.bias"] = normal((width,), 0.1)
    return tensors


def random_state_dict(shape: Shape = VIT_B_16, seed: int = 1) -> dict[str, np.ndarray]:
    """OpenAI's keys → f16 arrays, the same on every machine."""
    generator = np.random.Generator(np.random.PCG64(seed))

    def normal(size, std):
        return (generator.standard_normal(size, dtype=np.float32) * np.float32(std)).astype(np.float32)

    v, t, e = shape.vision_width, shape.text_width, shape.embed
    grid = shape.image_size // shape.patch
    tensors = {
        "visual.conv1.weight": normal((v, 3, shape.patch, shape.patch), 1.0 / (3 * shape.patch**2) ** 0.5),
        "visual.class_embedding": normal((v,), 0.5),
        "visual.positional_embedding": normal((1 + grid * grid, v), 0.5),
        "visual.ln_pre.weight": 1 + normal((v,), 0.1),
        "visual.ln_pre.bias": normal((v,), 0.1),
        "visual.ln_post.weight": 1 + normal((v,), 0.1),
        "visual.ln_post.bias": normal((v,), 0.1),
        "visual.proj": normal((v, e), v**-0.5),
        "token_embedding.weight": normal((shape.vocabulary, t), 0.8),
        "positional_embedding": normal((shape.context, t), 0.2),
        "ln_final.weight": 1 + normal((t,), 0.1),
        "ln_final.bias": normal((t,), 0.1),
        "text_projection": normal((t, e), t**-0.5),
        "logit_scale": np.array(np.log(100.0), np.float32),
    }
    for i in range(shape.vision_layers):
        tensors |= _block(normal, f"visual.transformer.resblocks.{i}", v, shape.vision_mlp or 4 * v, shape.qk_gain)
    for i in range(shape.text_layers):
        tensors |= _block(normal, f"transformer.resblocks.{i}", t, shape.text_mlp or 4 * t, shape.text_qk_gain)
    return {k: a.astype(np.float16) for k, a in tensors.items()}


def save_state_dict(tensors: dict[str, np.ndarray], path) -> None:
    """A plain state dict, as torch.save writes it; `clip.load` accepts such files."""
    import torch
    torch.save({k: torch.from_numpy(a) for k, a in tensors.items()}, path)


def save_safetensors(tensors: dict[str, np.ndarray], path) -> None:
    header, position = {}, 0
    for name, array in tensors.items():
        header[name] = {"dtype": "F16", "shape": list(array.shape), "data_offsets": [position, position + array.nbytes]}
        position += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in tensors.values():
            file.write(array.astype("<f2").tobytes())


def main():
    parser = argparse.ArgumentParser(description="Writes random CLIP weights under OpenAI's key names.")
    parser.add_argument("out", help="the state dict to write (.pt or .safetensors)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--shape", choices=SHAPES, default="vit-b-16")
    arguments = parser.parse_args()
    save = save_safetensors if arguments.out.endswith(".safetensors") else save_state_dict
    save(random_state_dict(SHAPES[arguments.shape], arguments.seed), arguments.out)


if __name__ == "__main__":
    main()
