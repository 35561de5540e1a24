"""A program with types: how much of each photo a word covers."""
from __future__ import annotations

import sys

import sclip


def shares(model: sclip.Model, paths: list[str], words: list[str]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for path, result in model.segment_all(paths, words):
        found[str(path)] = [c.share for c in result.classes]
    return found


if __name__ == "__main__":
    for path, values in shares(sclip.load("demo"), sys.argv[1:], ["sky", "building", "tree"]).items():
        print(path, *(f"{value:.3f}" for value in values))
