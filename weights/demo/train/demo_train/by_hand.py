"""Words that were written for photographs by looking at them: by_hand.tsv.

A line: the file as its archive names it, a tab, and words of as many horizontal bands of equal height, from top to bottom, joined by '/'. A band of
one word is a crop of one word; '?' or several words joined by ',' say what is in the photo and not where. What the set's own list
calls by a name stays what it is: in a photo of a cow, `grass` is everything but the cow.
"""
from pathlib import Path

import numpy as np

from .sources import UNKNOWN
from .vocabulary import FOLDER, Vocabulary

# What was looked for: it is not in the photo where it is not written.
HAND_CONCEPTS = ("sky", "grass", "water", "mountain", "sand", "snow", "building", "tree", "road", "bed", "couch", "toilet", "sink", "oven",
                 "refrigerator", "television", "laptop", "keyboard", "book", "ceiling", "rug", "train", "elephant", "zebra", "giraffe")


def read_by_hand(path: Path = FOLDER / "by_hand.tsv") -> dict[str, str]:
    if not path.exists():
        return {}
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("\t") for line in lines)


def lay_bands(bands: str, grid: np.ndarray, vocabulary: Vocabulary) -> tuple[np.ndarray, list[int]]:
    """The grid with its unknown cells filled by the bands of one word, and all words."""
    grid, words, parts = grid.copy(), [], bands.split("/")
    for i, part in enumerate(parts):
        concepts = [vocabulary.concept_of[word.strip()] for word in part.split(",") if word.strip() != "?"]
        words += concepts
        if len(concepts) == 1 and "?" not in part:
            band = grid[len(grid) * i // len(parts):len(grid) * (i + 1) // len(parts)]
            band[band == UNKNOWN] = concepts[0]
    return grid, words
