"""Writes tests/data/goldens: a tiny random model, the bundled demo model, and what must come out of them.

usage: python -m tests.reference.make_goldens                        rewrites tests/data/goldens
       python -m tests.reference.make_goldens --full OUT_FOLDER      ViT-B/16 with random weights, china.jpg, in full

Everything is computed in f64 and stored as little-endian .npy, C order: f32, labels u16. manifest.json lists the
cases with their options, windows and files; tests/data/goldens/README.md explains them.
"""
import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from . import image, random_weights, text
from .configurations import CONFIGURATIONS, Configuration
from .segment import classify, embed_photo, segment
from .weights import Model, load_model, model_from

ROOT = Path(__file__).resolve().parents[2]
TINY = random_weights.Shape(patch=8, image_size=32, vision_width=128, vision_layers=2, text_width=64, text_layers=2,
                            embed=32, context=77, vocabulary=514 + 100, vision_mlp=32, text_mlp=32, qk_gain=0.9, text_qk_gain=0.9)
TINY_CLASSES = [["sky"], ["building", "house", "temple"], ["tree"], ["person", "a very old person"]]
POLICIES = ("clip", "maskclip", "sclip", "q-only", "k-only", "clearclip", "naclip")


@dataclass(frozen=True)
class Case:
    """One photo with one set of options. `*_every`: only each n-th row and column of that plane is stored."""
    name: str
    photo: str
    policy: str = "sclip"
    crop: int = 32
    stride: int = 16
    configuration: Configuration = Configuration(short_side=48, logit_scale=100.0)
    logits_every: int = 1
    labels_every: int = 1
    window: int | None = None  # features of this window alone


def tiny_cases() -> list[Case]:
    plain = Configuration(short_side=48, logit_scale=100.0)
    strict = replace(plain, prob_thd=0.32, area_thd=0.3)
    return ([Case(f"landscape-{p}", "landscape.png", p, configuration=plain, logits_every=1 if p == "sclip" else 3)
             for p in POLICIES] + [
        Case("landscape-thresholds", "landscape.png", configuration=strict, logits_every=7, window=0),
        Case("portrait", "portrait.png", configuration=plain, logits_every=2),
        Case("smaller-than-window", "landscape.png", configuration=replace(plain, short_side=24), logits_every=2),
        Case("same-count-other-grid", "wide.png", crop=64, stride=32, configuration=replace(plain, short_side=16)),
        Case("whole-image", "landscape.png", crop=0, configuration=replace(plain, short_side=45)),
        Case("one-pixel", "pixel.png", configuration=plain),
        Case("pamr", "landscape.png", configuration=replace(plain, refine=(10, (8, 16))), logits_every=3),
        Case("pamr-thresholds", "portrait.png", configuration=replace(strict, refine=(3, (2,))), logits_every=5, window=0)])


def tiny_merges(folder: Path) -> str:
    """The first merges of CLIP's table, as a gzipped file with its header."""
    from open_clip import tokenizer
    lines = gzip.open(tokenizer.default_bpe()).read().decode().split("\n")
    path = folder / "merges.txt.gz"
    path.write_bytes(gzip.compress("\n".join(lines[:1 + TINY.vocabulary - 514]).encode()))
    return str(path)


def write_blob(state: dict, merges: str, out: Path) -> None:
    """The tiny model as a weight blob, by the converter."""
    with tempfile.TemporaryDirectory() as folder:
        random_weights.save_state_dict(state, f"{folder}/tiny.pt")
        subprocess.run([sys.executable, "-m", "sclip_convert", "--from", "openai", f"{folder}/tiny.pt", "-o", str(out),
                        "--dtype", "f16", "--merges", merges, "--crop", "32", "--stride", "16", "--short-side", "48",
                        "--name", "tiny-random", "--source", "tests/reference/make_goldens.py", "--licence", "Apache-2.0"],
                       check=True, env=dict(os.environ, PYTHONPATH=str(ROOT / "weights/convert")))


def write_photos(folder: Path) -> None:
    """Small PNGs cut from the bundled photograph, so that resizing has something to do and nothing is symmetric."""
    china = Image.open(ROOT / "tests/data/photos/china.jpg").convert("RGB")
    for name, box, size in [("landscape", (60, 40, 600, 400), (42, 28)), ("portrait", (100, 0, 380, 420), (24, 36)),
                            ("wide", (0, 150, 640, 310), (64, 16)), ("pixel", (320, 120, 321, 121), (1, 1)),
                            ("china-small", (0, 0, 640, 427), (240, 160))]:
        china.resize(size, Image.Resampling.BICUBIC, box=box).save(folder / f"{name}.png", optimize=True)


class Goldens:
    """A folder of arrays and the manifest of cases."""

    def __init__(self, folder: Path):
        self.folder, self.manifest = folder, {"models": {}, "cases": []}
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, name: str, array) -> str:
        array = np.asarray(array)
        kind = "<f4" if array.dtype.kind == "f" else "<u2"
        np.save(self.folder / f"{name}.npy", np.ascontiguousarray(array.astype(kind)))
        return f"{name}.npy"

    def add_model(self, name: str, blob: str, model: Model, classes: list, photo_name: str, photo: np.ndarray,
                  merges: str | None = None, templates: bool = True) -> tuple[torch.Tensor, list[int]]:
        """Stores the text side and the class-token read-out; returns the text bank and each query's class."""
        queries, owner = text.flatten_classes(classes)
        prompts = [t.replace("{}", q) for q in queries for t in text.templates()[:2]] + ["", "x" * 30, "2024 !?"]
        bank = text.text_bank(model, queries, merges)
        self.manifest["models"][name] = {
            "blob": blob, "classes": classes, "query_class": owner, "prompts": prompts,
            "photo": photo_name, "files": {
                "tokens": self.save(f"{name}-tokens", text.tokenize(prompts, merges).numpy()),
                "prompt_features": self.save(f"{name}-prompt-features", text.encode_all(model, prompts, merges=merges)),
                "text_bank": self.save(f"{name}-text-bank", bank),
                "photo_embedding": self.save(f"{name}-photo-embedding", embed_photo(model, photo)),
                "class_probabilities": self.save(f"{name}-class-probabilities", classify(model, photo, bank, owner))}}
        return bank, owner

    def add_case(self, model_name: str, model: Model, bank, owner, case: Case, photo: np.ndarray) -> None:
        result = segment(model, photo, bank, owner, case.policy, case.configuration, case.crop, case.stride)
        features = result.features if case.window is None else result.features[case.window:case.window + 1]
        every, sparse = case.labels_every, case.logits_every
        name = f"{model_name}-{case.name}"
        best = result.scores.amax(dim=0)
        counts = torch.bincount(result.labels.flatten(), minlength=max(owner) + 1).tolist()
        self.manifest["cases"].append({
            "model": model_name, **{k: v for k, v in asdict(case).items() if k != "configuration"},
            **asdict(case.configuration), "photo_size": list(photo.shape[:2]),
            "resized": [max(s[1] for s in result.spans), max(s[3] for s in result.spans)],
            "windows": [list(s) for s in result.spans], "grid": list(result.grid), "label_counts": counts,
            "files": {"features": self.save(f"{name}-features", features),
                      "logits": self.save(f"{name}-logits", result.logits[:, ::sparse, ::sparse]),
                      "scores": self.save(f"{name}-scores", best[::every, ::every]),
                      "labels": self.save(f"{name}-labels", result.labels[::every, ::every].numpy())}})
        print(f"{name}: {len(result.spans)} windows of {result.grid[0]}×{result.grid[1]}, labels {counts}")

    def finish(self) -> None:
        models = ",\n".join(f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in self.manifest["models"].items())
        cases = ",\n".join(f"  {json.dumps(case)}" for case in self.manifest["cases"])
        (self.folder / "manifest.json").write_text(f'{{\n "format": 1,\n "models": {{\n{models}\n }},\n "cases": [\n{cases}\n ]\n}}\n')
        total = sum(p.stat().st_size for p in self.folder.iterdir())
        print(f"{self.folder}: {total / 1e3:.0f} kB")


def committed(folder: Path) -> None:
    goldens = Goldens(folder)
    for old in [*folder.glob("*.npy"), *folder.glob("*.png")]:
        old.unlink()
    write_photos(folder)
    state = random_weights.random_state_dict(TINY, seed=7)
    tiny = model_from(state, torch.float64)
    with tempfile.TemporaryDirectory() as scratch:
        merges = tiny_merges(Path(scratch))
        write_blob(state, merges, folder / "tiny.sclip")
        bank, owner = goldens.add_model("tiny", "tiny.sclip", tiny, TINY_CLASSES, "landscape.png",
                                        image.decode(folder / "landscape.png"), merges)
    for case in tiny_cases():
        goldens.add_case("tiny", tiny, bank, owner, case, image.decode(folder / case.photo))

    from .blob import load_blob
    demo = load_blob(ROOT / "weights/demo/demo-clip.sclip", torch.float64)
    path = "china-small.png"  # not the JPEG: decoders differ by a level or two
    photo = image.decode(folder / path)
    classes = [["sky"], ["building", "house"], ["tree"], ["water"], ["person"]]
    bank, owner = goldens.add_model("demo", "../../../weights/demo/demo-clip.sclip", demo, classes, path, photo)
    for policy in ("sclip", "clip"):
        goldens.add_case("demo", demo, bank, owner, Case(
            f"china-{policy}", path, policy, 112, 56, Configuration(short_side=224), logits_every=8, labels_every=3, window=7), photo)
    goldens.finish()


def full(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    goldens = Goldens(folder)
    random_weights.save_state_dict(random_weights.random_state_dict(), folder / "vit-b-16-random.pt")
    model = load_model(folder / "vit-b-16-random.pt", torch.float64)
    path = ROOT / "tests/data/photos/china.jpg"
    photo = image.decode(path)
    for config in ("voc21", "voc20"):
        classes = text.read_classes(ROOT / f"engine/text/data/class_names/{config}.txt")
        bank, owner = goldens.add_model(f"vit-b-16-{config}", "vit-b-16-random.pt", model, classes, str(path), photo)
        for policy in POLICIES:
            goldens.add_case(f"vit-b-16-{config}", model, bank, owner, Case(
                policy, str(path), policy, 224, 112, CONFIGURATIONS[config]), photo)
    goldens.finish()


def main():
    parser = argparse.ArgumentParser(description="Writes the golden files of the tests.")
    parser.add_argument("--full", metavar="FOLDER", help="ViT-B/16 in full, into this folder (about 1 GB, minutes)")
    parser.add_argument("--out", default=ROOT / "tests/data/goldens", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    full(Path(arguments.full)) if arguments.full else committed(Path(arguments.out))


if __name__ == "__main__":
    main()
