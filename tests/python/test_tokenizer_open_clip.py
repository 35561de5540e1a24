"""The C++ tokenizer gives the ids of open_clip's: on every prompt of the class files and on awkward strings.

SCLIP_BUILD names the build folder (default: build); SCLIP_CORPUS_ROUNDS takes that many corpora instead of one.
"""

import functools
import json
import os
import pathlib
import subprocess

import open_clip.tokenizer
import pytest
import regex

import tokenizer_corpus
from tests.reference.text import read_classes

ROOT = pathlib.Path(__file__).resolve().parents[2]
MERGES = ROOT / "engine/text/data" / "clip_merges.txt"
BINARY = pathlib.Path(os.environ.get("SCLIP_BUILD", ROOT / "build")) / "sclip_tokenize_lines"


@pytest.fixture(scope="module", autouse=True)
def built():
    if not BINARY.exists():
        pytest.fail(f"{BINARY} does not exist: build it first (cmake --build build)")


def sclip(texts, mode="ids"):
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    run = subprocess.run([BINARY, MERGES, mode], input=lines, capture_output=True, text=True, check=True)
    out = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(out) == len(texts)
    return out


@functools.cache
def reference():
    return open_clip.tokenizer.SimpleTokenizer()


def test_merges_are_clips():
    ours = MERGES.read_text(encoding="utf-8").splitlines()
    theirs = sorted(reference().bpe_ranks.items(), key=lambda item: item[1])
    assert [tuple(line.split(" ")) for line in ours] == [pair for pair, _ in theirs]


def test_every_prompt_of_the_class_files():
    templates = (ROOT / "engine/text/data" / "imagenet_templates.txt").read_text().splitlines()
    prompts = []
    for file in sorted((ROOT / "engine/text/data" / "class_names").glob("*.txt")):
        prompts += [template.replace("{}", name) for names in read_classes(file) for name in names for template in templates]
    assert len(prompts) > 40_000
    assert sclip(prompts) == [reference().encode(prompt) for prompt in prompts]


@pytest.mark.parametrize("round_", range(int(os.environ.get("SCLIP_CORPUS_ROUNDS", "1"))))
def test_corpus(round_):
    kinds, texts = zip(*tokenizer_corpus.corpus(round_))
    assert len(texts) >= 20_000
    wrong = [(kind, text) for kind, text, ids in zip(kinds, texts, sclip(texts)) if ids != reference().encode(text)]
    assert not wrong, f"{len(wrong)} of {len(texts)} differ, the first: {wrong[:3]!r}"


def test_every_code_point():
    """Alone, inside a word and after an apostrophe: class, case and normalisation of each; of unassigned ones a sample."""
    points = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    points = [c for c in points if ord(c) % 61 == 0 or not regex.match(r"[\p{Cn}\p{Co}]", c)]
    assert len(points) > 150_000
    texts = [f"{c} x{c}y 'S{c}" for c in points]
    wrong = [hex(ord(c)) for c, text, ids in zip(points, texts, sclip(texts)) if ids != reference().encode(text)]
    assert not wrong, f"{len(wrong)} code points differ: {wrong[:20]}"
