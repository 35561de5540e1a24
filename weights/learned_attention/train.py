#!/usr/bin/env python3
"""Learns the projection W of the policy `learned`: softmax(xW (xW)ᵀ τ) in the last block, from photos with masks.

usage: .venv/bin/python weights/learned_attention/train.py MODEL DATA -o W.npy [--photos 64] [--steps 300] [--seed 0] …
MODEL is a `.sclip` file or a checkpoint under OpenAI's keys (.pt); DATA has images/, masks/ (the same stems; PNGs whose pixel is a
class's line number from 0, 255 for none) and classes.txt (a class a line, synonyms separated by ', ').

Everything but W stays as it was trained. The objective is the cross-entropy of the pixels' classes, as `sclip segment` reads them:
windows, cosines with the 80-template embeddings of the words, the best synonym of each class, --logit-scale. W begins as the last
block's query projection. The steps below the last block are computed once a window, so that a step costs one block.
"""
import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.reference import image as images  # noqa: E402
from tests.reference import text, vision  # noqa: E402
from tests.reference.blob import load_blob  # noqa: E402
from tests.reference.read_outs._last_block import self_attention  # noqa: E402
from tests.reference.weights import Model, load_model  # noqa: E402
from tests.reference.windows import windows  # noqa: E402

IGNORED = 255


def pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Photos with their masks, by name."""
    masks = {path.stem: path for path in sorted((folder / "masks").glob("*.png"))}
    found = [(path, masks[path.stem]) for path in sorted((folder / "images").iterdir()) if path.stem in masks]
    if not found:
        sys.exit(f"{folder} has no photo in images/ whose mask of the same name is in masks/")
    return found


class Windows:
    """What enters the last block, and the class of each pixel, of the windows of some photos."""

    def __init__(self, model: Model, chosen: list[tuple[Path, Path]], classes: int, short_side: int, crop: int, stride: int):
        self.tokens, self.labels, self.grids = [], [], []
        for photo, mask in chosen:
            pixels = images.decode(photo)
            height, width = images.scaled_size(*pixels.shape[:2], short_side)
            resized = torch.from_numpy(images.normalise(images.resize_opencv_linear(pixels, height, width)))
            labels = Image.open(mask)
            if labels.size != pixels.shape[1::-1]:
                sys.exit(f"{mask} has {labels.size[0]}×{labels.size[1]} pixels, and its photo {pixels.shape[1]}×{pixels.shape[0]}")
            labels = np.asarray(labels.resize((width, height), Image.Resampling.NEAREST)).astype(np.int64)
            known = labels[labels != IGNORED]
            if labels.ndim != 2 or (known.size and known.max() >= classes):
                sys.exit(f"{mask} is not a mask of {classes} classes: a pixel must be 0 … {classes - 1}, or {IGNORED} for none")
            for y0, y1, x0, x1 in windows(height, width, crop, stride):
                window = labels[y0:y1, x0:x1]
                if (window == IGNORED).all():
                    continue
                with torch.no_grad():
                    x, grid = vision.embed(model, resized[None, :, y0:y1, x0:x1])
                    for block in range(model.vision_layers - 1):
                        x = vision.run_block(model, x, block)
                self.tokens.append(x[0])
                self.labels.append(torch.from_numpy(window))
                self.grids.append(grid)

    def __len__(self):
        return len(self.tokens)


def loss_of(model: Model, matrix: torch.Tensor, data: Windows, index: int, bank: torch.Tensor, owner: torch.Tensor,
            logit_scale: float) -> torch.Tensor:
    """Cross-entropy over the labelled pixels of a window."""
    labels, (h, w) = data.labels[index], data.grids[index]
    x = vision.last_block(model, data.tokens[index][None], lambda q, k, v, normed: self_attention(normed, matrix, 1.0) @ v)
    cosines = vision.project(model, x)[:, 1:] @ bank.T
    classes = torch.stack([cosines[..., owner == c].amax(dim=-1) for c in range(int(owner.max()) + 1)], dim=1)
    planes = F.interpolate(classes.unflatten(2, (h, w)), labels.shape, mode="bilinear", align_corners=False)
    return F.cross_entropy(planes * logit_scale, labels[None], ignore_index=IGNORED)


def beginning(model: Model) -> torch.Tensor:
    """(C, C) for x·W: the last block's query projection."""
    width = model["visual.proj"].shape[0]
    return model[f"visual.transformer.resblocks.{model.vision_layers - 1}.attn.in_proj_weight"][:width].T.clone()


def train(model: Model, data: Windows, bank: torch.Tensor, owner: torch.Tensor, steps: int, batch: int, rate: float, logit_scale: float,
          seed: int, report=lambda step, loss: None) -> tuple[torch.Tensor, list[float]]:
    """W, and the loss of each step before it was taken."""
    generator = torch.Generator().manual_seed(seed)
    matrix = beginning(model).requires_grad_()
    optimiser = torch.optim.Adam([matrix], lr=rate)
    losses = []
    for step in range(steps):
        chosen = torch.randperm(len(data), generator=generator)[:batch]
        loss = torch.stack([loss_of(model, matrix, data, int(i), bank, owner, logit_scale) for i in chosen]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
        report(step, losses[-1])
    return matrix.detach(), losses


def main() -> None:
    parser = argparse.ArgumentParser(description="Learns the projection of the policy `learned`.")
    parser.add_argument("model", type=Path, help="a .sclip file, or a checkpoint under OpenAI's keys")
    parser.add_argument("data", type=Path, help="a folder with images/, masks/ and classes.txt")
    parser.add_argument("-o", "--out", type=Path, required=True, help="the .npy to write, (C, C) in f32")
    parser.add_argument("--photos", type=int, default=64, help="how many photos, drawn by --seed")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch", type=int, default=8, help="windows of a step")
    parser.add_argument("--rate", type=float, default=1e-4, help="Adam's step size")
    parser.add_argument("--logit-scale", type=float, default=40.0)
    parser.add_argument("--short-side", type=int, default=336)
    parser.add_argument("--crop", type=int, default=224)
    parser.add_argument("--stride", type=int, default=112)
    parser.add_argument("--seed", type=int, default=0, help="of the photos and of the windows of each step")
    a = parser.parse_args()
    torch.manual_seed(a.seed)

    model = load_blob(a.model) if a.model.suffix == ".sclip" else load_model(a.model)
    all_pairs = pairs(a.data)
    order = torch.randperm(len(all_pairs), generator=torch.Generator().manual_seed(a.seed))[:a.photos]
    queries, owner = text.flatten_classes(text.read_classes(a.data / "classes.txt"))
    with torch.no_grad():
        bank = text.text_bank(model, queries)
    data = Windows(model, [all_pairs[int(i)] for i in order], max(owner) + 1, a.short_side, a.crop, a.stride)
    if len(data) == 0:
        sys.exit(f"no window of {len(order)} photos has a labelled pixel")
    print(f"{len(order)} photos, {len(data)} windows, {len(queries)} words")

    def report(step, loss):
        if step % 20 == 0 or step == a.steps - 1:
            print(f"step {step + 1} of {a.steps}: loss {loss:.4f}", flush=True)
    matrix, _ = train(model, data, bank, torch.tensor(owner), a.steps, a.batch, a.rate, a.logit_scale, a.seed, report)
    np.save(a.out, np.ascontiguousarray(matrix.numpy(), dtype=np.float32))
    print(f"wrote {a.out}: use it with --policy learned:file={a.out}")


if __name__ == "__main__":
    main()
