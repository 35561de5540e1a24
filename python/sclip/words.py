"""What people write as classes."""
from __future__ import annotations

from typing import Mapping, Sequence, Union

# "sky; tree, trees", or a list whose entries are "tree, trees" or lists of names, or a mapping from a name to its synonyms, or the
# name of a built-in list ("voc21").
ClassesLike = Union[str, Sequence[Union[str, Sequence[str]]], Mapping[str, Union[str, Sequence[str]]]]


def _names(entry: str | Sequence[str]) -> list[str]:
    return [name.strip() for name in entry.split(",")] if isinstance(entry, str) else list(entry)


def class_names(classes: ClassesLike) -> list[list[str]]:
    """The names of each class. A text is for the engine to parse and does not come here."""
    if isinstance(classes, Mapping):
        return [[name, *(synonym for synonym in _names(synonyms) if synonym != name)] for name, synonyms in classes.items()]
    return [_names(entry) for entry in classes]
