"""Makes tests/data/resize/: photos and what OpenCV and Pillow make of them, for tests/unit/io_resize_golden_test.cpp.

Needs numpy, opencv-python-headless and pillow. A case is two files: RULE_NAME_src.npy (H0, W0, 3) u8 and
RULE_NAME_SIDE.npy, (H, W, 3) u8 by OpenCV for `linear`, (S, S, 3) u8 by Pillow for `bicubic`, centre-cropped as CLIP's
preprocessing does.
"""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

OUT = Path(__file__).resolve().parent.parent / "data" / "resize"

# name, source height and width, short side of the result
LINEAR = [("tiny", 1, 1, 9), ("down", 61, 83, 24), ("up", 19, 14, 45), ("half", 40, 64, 20), ("thin", 3, 97, 11)]
BICUBIC = [("tiny", 1, 1, 9), ("down", 61, 83, 24), ("up", 14, 19, 45), ("odd", 33, 36, 33), ("thin", 5, 97, 11)]


def photo(height, width, seed):
    """Noise over a gradient, with hard black and white blocks that make bicubic overshoot."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    base = np.stack([x * 255 // max(1, width - 1), y * 255 // max(1, height - 1), (x + y) * 3 % 256], -1)
    picture = np.clip(base + rng.normal(0, 25, base.shape), 0, 255).astype(np.uint8)
    picture[height // 3 : height // 2, width // 4 : width // 2] = 255
    picture[height // 2 : height * 2 // 3, width // 4 : width // 2] = 0
    return picture


def linear(picture, short_side):
    height, width = picture.shape[:2]
    scale = min(2048 / max(height, width), short_side / min(height, width))
    size = (int(width * scale + 0.5), int(height * scale + 0.5))
    return cv2.resize(picture, size, interpolation=cv2.INTER_LINEAR)


def bicubic(picture, side):
    height, width = picture.shape[:2]
    short = min(height, width)
    size = (side * width // short, side * height // short)
    resized = Image.fromarray(picture).resize(size, Image.BICUBIC)
    left, top = (int(round((n - side) / 2.0)) for n in size)
    return np.asarray(resized.crop((left, top, left + side, top + side)))


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for rule, cases in (("linear", LINEAR), ("bicubic", BICUBIC)):
        for seed, (name, height, width, side) in enumerate(cases):
            source = photo(height, width, seed)
            result = linear(source, side) if rule == "linear" else bicubic(source, side)
            np.save(OUT / f"{rule}_{name}_src.npy", source)
            np.save(OUT / f"{rule}_{name}_{side}.npy", np.ascontiguousarray(result))


if __name__ == "__main__":
    main()
