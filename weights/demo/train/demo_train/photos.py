"""All photographs, decoded and shrunk once into one file that is mapped into memory."""
import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps

from .by_hand import HAND_CONCEPTS, read_by_hand, lay_bands
from .sources import UNKNOWN, Source
from .vocabulary import Vocabulary

# What a photograph may show although its list has no name for it: not to be held absent.
STUFF = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "traffic light", "fence", "person", "grass", "water",
         "mountain", "sand", "snow", "rock", "soil", "flower", "window", "door", "wall", "floor", "ceiling", "rug", "curtain",
         "cabinet", "potted plant", "table", "stairs", "bridge", "railroad", "lamp", "bench", "bed", "book", "truck", "bag", "ball")


@dataclass
class Photo:
    pixels: np.ndarray       # (H, W, 3) u8
    grid: np.ndarray | None  # (H / cell, W / cell) u8: concepts
    words: list[int]
    absent_known: np.ndarray  # by concept: a word that is not named here is not in the photo


def shrink(data: bytes, short_side: int) -> np.ndarray:
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    scale = short_side / min(image.size)
    if scale < 1:
        image = image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BOX, reducing_gap=2.0)
    return np.asarray(image)


def key(config: dict, vocabulary: Vocabulary, by_hand: dict) -> str:
    parts = [config["photos"], config["source"], vocabulary.words, sorted(vocabulary.concept_of.items()), sorted(by_hand.items()), STUFF]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def write_cache(folder: Path, root: Path, config: dict, vocabulary: Vocabulary, check=True, report=print) -> None:
    by_hand = read_by_hand()
    wanted = key(config, vocabulary, by_hand)
    index = folder / "photos.json"
    if index.exists() and json.loads(index.read_text())["key"] == wanted:
        return
    folder.mkdir(parents=True, exist_ok=True)
    cell, rows, at = config["photos"]["cell"], [], 0
    stuff = {vocabulary.concept_of[word] for word in STUFF if word in vocabulary.concept_of}
    looked_for = {vocabulary.concept_of[word] for word in HAND_CONCEPTS if word in vocabulary.concept_of}
    sources = [Source(root, entry, config["source"], vocabulary, check) for entry in config["source"]]
    anywhere = set().union(*(source.annotated for source in sources)) | stuff  # what a scene may hold unnamed
    with open(folder / "photos.bin", "wb") as file:
        for source in sources:
            entry, first = source.entry, len(rows)
            for photo in source.photographs():
                pixels = shrink(photo.image, config["photos"]["short_side"])
                height, width = pixels.shape[:2]
                grid, words, known = None, list(photo.words), set(source.annotated)
                shape = (max(1, height // cell), max(1, width // cell))
                if photo.classes is not None:
                    grid = cv2.resize(photo.classes, shape[::-1], interpolation=cv2.INTER_NEAREST)
                elif source.annotated:
                    known = set()
                bands = by_hand.get(photo.name)
                if bands:
                    grid, more = lay_bands(bands, grid if grid is not None else np.full(shape, UNKNOWN, np.uint8), vocabulary)
                    words, known = words + more, known | looked_for
                scene = entry.get("scenes") or (source.annotated and photo.classes is None)
                unknown = (anywhere if scene else stuff) - known
                row = dict(source=entry["name"], name=photo.name, at=at, shape=[height, width], grid=grid is not None,
                           words=sorted(set(words)), unknown=sorted(unknown - set(words)))
                file.write(pixels.tobytes())
                at += pixels.size
                if grid is not None:
                    file.write(np.ascontiguousarray(grid).tobytes())
                    at += grid.size
                rows.append(row)
            report(f"{entry['name']}: {len(rows) - first} photographs")
    temporary = index.with_suffix(".tmp")
    temporary.write_text(json.dumps(dict(key=wanted, cell=cell, photos=rows)))
    temporary.replace(index)


def read_cache(folder: Path, concepts: int) -> list[Photo]:
    index = json.loads((folder / "photos.json").read_text())
    data, photos = np.memmap(folder / "photos.bin", np.uint8, "r"), []
    for row in index["photos"]:
        height, width = row["shape"]
        end = row["at"] + height * width * 3
        grid = None
        if row["grid"]:
            shape = (max(1, height // index["cell"]), max(1, width // index["cell"]))
            grid = np.array(data[end:end + shape[0] * shape[1]]).reshape(shape)
        known = np.ones(concepts, bool)
        known[row["unknown"]] = False
        photos.append(Photo(data[row["at"]:end].reshape(height, width, 3), grid, row["words"], known))
    return photos
