"""A handful of made-up pictures for the dry run: textures under a sky, each with the class of every pixel."""
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("sky", "building", "tree", "grass")


def picture(random, width=128, height=96) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) u8 and (H, W) u8: a sky, grass below it, a building with windows, a tree."""
    y, x = np.mgrid[:height, :width]
    horizon = int(height * random.uniform(0.4, 0.65))
    classes = np.where(y < horizon, 0, 3).astype(np.uint8)
    left, wide = int(random.uniform(0, 0.4) * width), int(random.uniform(0.25, 0.4) * width)
    top = int(random.uniform(0.1, 0.3) * height)
    classes[top:horizon + 8, left:left + wide] = 1
    middle, radius = (random.uniform(0.65, 0.9) * width, horizon - 8), random.uniform(0.13, 0.22) * width
    classes[(x - middle[0])**2 + (y - middle[1])**2 < radius**2] = 2
    noise = random.normal(0, 1, (height, width))
    brightness = random.uniform(0.85, 1.15)
    windows = ((x - left) % 10 < 4) & ((y - top) % 12 < 6)
    sky = np.stack([110 + y * 0.5, 150 + y * 0.4, 220 + noise * 3], -1)
    building = np.where(windows[..., None], [60, 60, 70], [170, 140, 120]) + noise[..., None] * 6
    tree = np.stack([40 + noise * 25, 80 + noise * 35, 30 + noise * 20], -1)
    grass = np.stack([90 + noise * 10, 160 + noise * 12 + 8 * np.sin(x), 60 + noise * 8], -1)
    pixels = np.choose(classes[..., None], [sky, building, tree, grass]) * brightness
    return np.clip(pixels, 0, 255).astype(np.uint8), classes


def write_set(folder: Path, count: int, seed: int) -> None:
    """images, masks and classes.txt, as the sets for training and `sclip eval` have them."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "classes.txt").write_text("\n".join(CLASSES) + "\n")
    random = np.random.default_rng(seed)
    for i in range(count):
        pixels, classes = picture(random)
        Image.fromarray(pixels).save(folder / f"images/{i:03}.png")
        Image.fromarray(classes).save(folder / f"masks/{i:03}.png")
