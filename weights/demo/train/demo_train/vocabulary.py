"""Concepts, the words that stand for them, and the names that data sets have for them."""
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1]
TEMPLATES = FOLDER.parents[2] / "engine/text/data/imagenet_templates.txt"


@dataclass
class Vocabulary:
    words: list[list[str]]     # by concept; the first is its name
    concept_of: dict[str, int]  # words and data sets' names
    unused: set[str]           # data sets' names that are no concept

    @property
    def names(self):
        return [words[0] for words in self.words]

    def __len__(self):
        return len(self.words)

    def of_set(self, name: str) -> int | None:
        """The concept that a data set's class name means; None if it says nothing. Unknown names are an error."""
        if name in self.concept_of:
            return self.concept_of[name]
        if name in self.unused:
            return None
        raise ValueError(f"the data set's class '{name}' is not in words.txt: give it to a concept, or to the names that are no words")


def read_vocabulary(path: Path = FOLDER / "words.txt") -> Vocabulary:
    vocabulary = Vocabulary([], {}, set())
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if line.startswith("- "):
            vocabulary.unused.update(name.strip() for name in line[2:].split(","))
            continue
        words, _, names = line.partition("|")
        words = [word.strip() for word in words.split(",")]
        for word in words + [name.strip() for name in names.split(",") if name.strip()]:
            if word in vocabulary.concept_of:
                raise ValueError(f"{path.name}: '{word}' stands in two lines")
            vocabulary.concept_of[word] = len(vocabulary.words)
        vocabulary.words.append(words)
    return vocabulary


def read_templates() -> list[str]:
    return TEMPLATES.read_text().splitlines()
