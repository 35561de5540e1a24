"""tensors.csv: the tensors of a blob, in file order, and where each comes from."""
import csv
import re
from dataclasses import dataclass
from pathlib import Path
from typing import List, Tuple

TABLE = Path(__file__).with_name("tensors.csv")
SOURCES = ("openai", "open_clip", "hf")


@dataclass(frozen=True)
class Spec:
    """One tensor of the blob; `sources` are the keys that make it, more than one when they are concatenated."""

    name: str
    shape: Tuple[int, ...]  # empty for bytes of any length
    sources: Tuple[str, ...]
    transform: str  # "", "transpose" or "concat"
    flags: str  # "f32": kept in f32 whatever --dtype says; "u8": bytes


def rows() -> List[dict]:
    """The table as it stands."""
    with open(TABLE, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def specs(config, source) -> List[Spec]:
    """Every row with letters filled in, `{i}` rows repeated for each layer as a whole block."""
    out, table = [], rows()
    while table:
        run = [table.pop(0)]
        if _per_layer(run[0]):
            while table and _per_layer(table[0]) and _tower(table[0]) == _tower(run[0]):
                run.append(table.pop(0))
        tower = config.vision if _tower(run[0]) == "visual" else config.text
        for layer in range(tower.layers if _per_layer(run[0]) else 1):
            out += [_spec(row, config, source, layer) for row in run]
    return out


def _per_layer(row):
    return "{i}" in row["name"]


def _tower(row):
    return row["name"].split(".")[0]


def _spec(row, config, source, layer):
    letters = config.letters(_tower(row))
    shape = () if row["shape"] == "*" else tuple(_extent(factor, letters) for factor in row["shape"].split())
    scope, _, transform = row["transform"].partition(":")
    return Spec(row["name"].replace("{i}", str(layer)), shape, _keys(row[source].replace("{i}", str(layer))),
                transform if scope == source else "", row["flags"])


def _extent(factor, letters):
    number, letter = re.fullmatch(r"(\d*)([A-Z]?)", factor).groups()
    return int(number or 1) * (letters[letter] if letter else 1)


def _keys(pattern):
    """`a.{q|k|v}.b` names three keys."""
    if not pattern:
        return ()
    found = re.search(r"\{([^}]*\|[^}]*)\}", pattern)
    if not found:
        return (pattern,)
    return tuple(pattern.replace(found[0], choice) for choice in found[1].split("|"))
