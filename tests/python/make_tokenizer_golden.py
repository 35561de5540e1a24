#!/usr/bin/env python3
"""Writes tests/data/tokenizer/open_clip.json: texts of the corpus with open_clip's ids, for the C++ tests.

One [text, ids] pair a line; texts of at most 80 characters, 14 of each kind.
"""

import importlib.metadata
import itertools
import json
import pathlib

import open_clip.tokenizer

import tokenizer_corpus

OUT = pathlib.Path(__file__).resolve().parents[1] / "data" / "tokenizer" / "open_clip.json"
PER_KIND = 14


def main():
    tokenizer = open_clip.tokenizer.SimpleTokenizer()
    lines = []
    for _, group in itertools.groupby(tokenizer_corpus.corpus(), key=lambda pair: pair[0]):
        short = (text for _, text in group if len(text) <= 80)
        lines += [json.dumps([text, tokenizer.encode(text)]) for text in itertools.islice(short, PER_KIND)]
    made_by = ", ".join(f"{p} {importlib.metadata.version(p)}" for p in ("open_clip_torch", "ftfy", "regex"))
    OUT.write_text(f'{{"made_by": "{made_by}",\n"samples": [\n' + ",\n".join(lines) + "\n]}\n")


if __name__ == "__main__":
    main()
