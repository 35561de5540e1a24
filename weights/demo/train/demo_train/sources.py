"""The data sets: archives or folders, checked by hash, as photographs with what their lists say."""
import hashlib
import io
import json
import re
import tarfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from .vocabulary import Vocabulary

UNKNOWN = 255  # in a grid: nobody looked, or the class is no word


@dataclass
class Labelled:
    """A photograph, and where a list says so the concept of each pixel and the concepts of the whole."""
    name: str
    image: bytes
    classes: np.ndarray | None  # (H, W) u8
    words: list[int]


class Files:
    """The files of a .tar or of a folder, by name."""

    def __init__(self, path: Path):
        self.path = path
        self.members = {}
        if path.is_dir():
            self.members = {file.relative_to(path).as_posix(): file for file in sorted(path.rglob("*")) if file.is_file()}
        elif path.exists():
            self.archive = tarfile.open(path)
            self.members = {member.name: member for member in self.archive.getmembers() if member.isfile()}
        else:
            raise FileNotFoundError(f"{path} is not there: config.toml lists what the data folder must hold")

    def __contains__(self, name):
        return name in self.members

    def below(self, folder: str) -> list[str]:
        return sorted(name for name in self.members if name.startswith(folder + "/"))

    def read(self, name: str) -> bytes:
        member = self.members[name]
        return member.read_bytes() if isinstance(member, Path) else self.archive.extractfile(member).read()

    def sha256(self) -> str:
        digest = hashlib.sha256()
        if not self.path.is_dir():
            digest.update(self.path.read_bytes())
        else:
            for name, file in self.members.items():
                digest.update(name.encode() + b"\0" + file.read_bytes())
        return digest.hexdigest()


def class_numbers(text: str) -> dict[int, str]:
    """classes.txt: '7 sky' on every line, or a name a line, the first being number 0."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if all(re.match(r"\d+ ", line) for line in lines):
        return {int(line.split(" ", 1)[0]): line.split(" ", 1)[1].strip() for line in lines}
    return dict(enumerate(lines))


def concept_table(numbers: dict[int, str], vocabulary: Vocabulary) -> np.ndarray:
    table = np.full(256, UNKNOWN, np.uint8)
    for number, name in numbers.items():
        concept = vocabulary.of_set(name)
        if concept is not None:
            table[number] = concept
    return table


def caption_words(captions: list[str], vocabulary: Vocabulary) -> list[int]:
    """Concepts whose words are in at least two captions."""
    counts = Counter()
    for caption in captions:
        found = set(re.findall(r"[a-z]+", caption.lower()))
        counts.update({vocabulary.concept_of[word] for word in found if word in vocabulary.concept_of})
    return sorted(concept for concept, count in counts.items() if count >= 2)


class Source:
    def __init__(self, root: Path, entry: dict, every: list[dict], vocabulary: Vocabulary, check=True):
        self.entry, self.vocabulary = entry, vocabulary
        self.files = Files(root / entry["path"])
        if check and self.files.sha256() != entry["sha256"]:
            raise ValueError(f"{self.files.path} is not what the recipe was made for: its sha256 is {self.files.sha256()}, "
                             f"config.toml says {entry['sha256']}")
        self.table, self.annotated = None, set()
        if "masks" in entry:
            owner = entry if "classes" in entry else next(e for e in every if e["name"] == entry["classes_of"])
            files = self.files if owner is entry else Files(root / owner["path"])
            self.table = concept_table(class_numbers(files.read(owner["classes"]).decode()), vocabulary)
            self.annotated = set(self.table.tolist()) - {UNKNOWN}

    def photographs(self):
        entry, words, captions = self.entry, {}, {}
        if "labels" in entry:
            folder = str(PurePosixPath(entry["labels"]).parent)
            for line in self.files.read(entry["labels"]).decode().splitlines():
                name, word = line.split("\t")
                concept = self.vocabulary.of_set(word)
                words[f"{folder}/{name}"] = [concept] if concept is not None else []
        if entry.get("captions") in self.files:
            captions = json.loads(self.files.read(entry["captions"]))
        always = [self.vocabulary.of_set(word) for word in entry.get("words", [])]
        for name in self.files.below(entry["images"]):
            stem = PurePosixPath(name).stem
            mask = entry["masks"].format(stem=stem) if "masks" in entry else None
            classes = None
            if mask in self.files:
                classes = self.table[np.array(Image.open(io.BytesIO(self.files.read(mask))))]
            of_captions = caption_words(captions.get(stem, []), self.vocabulary)
            yield Labelled(name, self.files.read(name), classes, words.get(name, []) + always + of_captions)
