"""mIoU while training: windows over a photo, cosines averaged where they overlap, as the engine does, in a coarser way."""
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

from .model import Learner
from .sources import class_numbers
from .trainer import normalise
from .vocabulary import Vocabulary

IGNORED = 255
# MSRC v2 as it is judged here: horses are too few, a face and a body are a person.
MSRC = {"face": "person", "body": "person", "horse": None, "void": None}


@dataclass
class LabelledSet:
    name: str
    concepts: list[int]
    pairs: list[tuple[Path, Path]]
    table: np.ndarray  # from the mask's number to a place in `concepts`


def labelled_set(name: str, folder: Path, vocabulary: Vocabulary, every=1) -> LabelledSet:
    """A folder with images, masks (NAME.png or NAME_GT.png) and classes.txt."""
    table, concepts = np.full(256, IGNORED, np.uint8), []
    for number, word in class_numbers((folder / "classes.txt").read_text()).items():
        word = MSRC.get(word, word)
        if word is None or word not in vocabulary.concept_of:
            continue
        concept = vocabulary.concept_of[word]
        if concept not in concepts:
            concepts.append(concept)
        table[number] = concepts.index(concept)
    images = {path.stem: path for path in (folder / "images").iterdir()}
    masks = sorted((folder / "masks").glob("*.png"))[::every]
    return LabelledSet(name, concepts, [(images[mask.stem.removesuffix("_GT")], mask) for mask in masks], table)


def places(length, window, stride):
    return sorted({min(at, length - window) for at in range(0, length - window + stride, stride)})


@torch.no_grad()
def segment(learner: Learner, image: np.ndarray, concepts: torch.Tensor, short_side: int, stride: int, policy: str) -> np.ndarray:
    """(H, W): the number of the vector among `concepts` (C, E) that fits best."""
    height, width = image.shape[:2]
    window, side = learner.visual.side * learner.visual.conv1.kernel_size[0], learner.visual.side
    patch, scale = window // side, short_side / min(height, width)
    high, wide = max(window, int(height * scale + 0.5)), max(window, int(width * scale + 0.5))
    pixels = normalise(torch.from_numpy(cv2.resize(image, (wide, high)))[None])[0]
    corners = [(y, x) for y in places(high, window, stride) for x in places(wide, window, stride)]
    with torch.autocast("cpu", torch.bfloat16):
        features = learner.visual(torch.stack([pixels[:, y:y + window, x:x + window] for y, x in corners]), policy)
    planes = (F.normalize(features[:, 1:].float(), dim=-1) @ concepts.T).transpose(1, 2).unflatten(2, (side, side))
    grain = 2  # pixels of the shrunk photo to a cell of the sum
    planes = F.interpolate(planes, scale_factor=patch // grain, mode="bilinear")
    total, count = torch.zeros(len(concepts), -(-high // grain), -(-wide // grain)), torch.zeros(1, -(-high // grain), -(-wide // grain))
    for plane, (y, x) in zip(planes, corners):
        y, x = y // grain, x // grain
        total[:, y:y + plane.shape[1], x:x + plane.shape[2]] += plane
        count[:, y:y + plane.shape[1], x:x + plane.shape[2]] += 1
    return F.interpolate((total / count.clamp(min=1))[None], size=(height, width), mode="bilinear")[0].argmax(0).numpy()


def confusion(learner, data: LabelledSet, short_side, stride, policy="sclip") -> np.ndarray:
    concepts, counts = F.normalize(learner.concepts[data.concepts], dim=-1), len(data.concepts)
    matrix = np.zeros((counts, counts), np.int64)
    for photo, mask in data.pairs:
        truth = data.table[np.array(Image.open(mask))]
        said = segment(learner, np.array(Image.open(photo).convert("RGB")), concepts, short_side, stride, policy)
        known = truth != IGNORED
        matrix += np.bincount(truth[known].astype(np.int64) * counts + said[known], minlength=counts**2).reshape(counts, counts)
    return matrix


def iou(matrix) -> np.ndarray:
    """% by class; NaN where a class does not occur."""
    hits = np.diag(matrix).astype(float)
    return np.where(matrix.sum(1) > 0, 100 * hits / np.maximum(matrix.sum(0) + matrix.sum(1) - hits, 1), np.nan)


def figures(learner, sets: list[LabelledSet], config: dict) -> dict[str, float]:
    blob, found = config["blob"], {}
    for data in sets:
        matrix = confusion(learner, data, blob["short_side"], blob["stride"])
        found[f"{data.name} mIoU"] = float(np.nanmean(iou(matrix)))
        found[f"{data.name} pixels"] = float(100 * np.diag(matrix).sum() / matrix.sum())
    return found
