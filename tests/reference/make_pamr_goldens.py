"""Writes tests/data/pamr: images, planes, and what PyTorch in f64 makes of them, for tests/unit/pamr_golden_test.cpp.

usage: python -m tests.reference.make_pamr_goldens [FOLDER]

A case NAME is NAME-image.npy (3, h, w), NAME-planes.npy (K, H, W) and NAME-refined.npy (K, H, W), all f32.
"""
import sys
from pathlib import Path

import numpy as np
import torch

from .pamr import pamr

FOLDER = Path(__file__).resolve().parents[1] / "data/pamr"
# name: (h, w), (H, W), planes, iterations, dilations
CASES = {"usual": ((24, 36), (33, 50), 3, 10, (8, 16)), "one-dilation": ((24, 36), (17, 20), 2, 3, (4,))}


def picture(height, width, generator):
    """A gradient with hard blocks and a little noise: edges to keep planes apart at."""
    y, x = np.mgrid[0:height, 0:width]
    image = np.stack([x / width, y / height, (x + y) / (x + y).max()]) * 2 - 1
    image[:, height // 3:height // 2, width // 4:width // 2] = 1.5
    image[:, height // 2:height * 2 // 3, width // 4:width // 2] = -1.5
    return (image + generator.normal(0, 0.1, image.shape)).astype(np.float32)


def make(name):
    size, refined, count, iterations, dilations = CASES[name]
    generator = np.random.default_rng(len(name))
    image = picture(*size, generator)
    planes = generator.normal(0.2, 0.04, (count, *refined)).astype(np.float32)
    out = pamr(torch.from_numpy(image).double(), torch.from_numpy(planes).double(), iterations, dilations)
    return {"image": image, "planes": planes, "refined": out.numpy().astype(np.float32)}


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name in CASES:
        for part, array in make(name).items():
            np.save(folder / f"{name}-{part}.npy", array)


if __name__ == "__main__":
    main()
