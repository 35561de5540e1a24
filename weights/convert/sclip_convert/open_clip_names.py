"""What open_clip's names and tags stand for: data/open_clip_models.csv and open_clip_tags.csv."""
import csv
import difflib
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

from .errors import ConvertError

DATA = Path(__file__).with_name("data")
NUMBERS = ("embed", "width", "layers", "patch", "text_width", "text_layers", "context", "vocabulary")
OTHERWISE = "--config open_clip_config.json or --activation will do without a name"


@dataclass(frozen=True)
class Tag:
    """Published weights: what they were trained with."""

    activation: str
    mean: Optional[Tuple[float, ...]]  # None for OpenAI's
    std: Optional[Tuple[float, ...]]


@functools.lru_cache(maxsize=None)
def models():
    """{name: row} of every model of open_clip; numbers as int, a family where it is not a plain CLIP."""
    return {row["name"]: {key: int(value) if value.isdigit() else value for key, value in row.items()}
            for row in _rows("open_clip_models.csv")}


def model_of(name):
    """The row of a plain CLIP; ConvertError with near misses for a name that is none, with the family for others."""
    name = name.replace("/", "-")
    row = models().get(name)
    if row is None:
        raise ConvertError(f"--model {name} is none of open_clip's{_near(name, models())} {OTHERWISE}")
    if row["family"]:
        raise ConvertError(f"--model {name} is {row['family']}; only CLIP's own two transformers are supported")
    return row


def tag_of(name, tag):
    """The Tag of --model and --pretrained; ConvertError with near misses for one that open_clip does not have."""
    tags = {row["tag"]: row for row in _rows("open_clip_tags.csv") if row["model"] == name.replace("/", "-")}
    if tag not in tags:
        raise ConvertError(f"--pretrained {tag} is no tag of {name} in open_clip{_near(tag, tags)} --activation "
                           "will do without a tag")
    row = tags[tag]
    return Tag(row["activation"], *(tuple(map(float, row[key].split())) or None for key in ("mean", "std")))


def has_tag(name, tag):
    """Whether open_clip has such weights of a model."""
    return any((row["model"], row["tag"]) == (name, tag) for row in _rows("open_clip_tags.csv"))


def names_of(numbers):
    """Names of the plain CLIPs with these numbers, {column of NUMBERS: value}."""
    return [name for name, row in models().items() if not row["family"] and
            all(row[key] == numbers[key] for key in NUMBERS)]


def heads_of_width(width):
    """Heads of open_clip's image towers of this width; None if there is no such tower."""
    return next((row["heads"] for row in models().values() if not row["family"] and row["width"] == width), None)


def _rows(name):
    with open(DATA / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _near(name, known):
    """What was probably meant: letters and digits count, case and punctuation do not."""
    plain = {}
    for candidate in known:
        plain.setdefault(_plain(candidate), candidate)
    asked = _plain(name)
    near = [asked] if asked in plain else difflib.get_close_matches(asked, list(plain), n=3, cutoff=0.7)
    return f"; did you mean {' or '.join(plain[key] for key in near)}?" if near else ";"


def _plain(name):
    return "".join(c for c in name.lower() if c.isalnum())
