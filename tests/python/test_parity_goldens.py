"""The command against the committed goldens: the tiny random model and the bundled demo model."""
import json

import numpy as np
import pytest
from parity import ROOT, difference, run_sclip
from PIL import Image

FOLDER = ROOT / "tests/data/goldens"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text())


def flags(case: dict) -> list:
    area = ["--area-thd", case["area_thd"]] if case["area_thd"] is not None else []
    refine = []
    if case["refine"] is not None:
        iterations, dilations = case["refine"]
        refine = ["--refine", "pamr", "--refine-iterations", iterations, "--refine-dilations", ",".join(map(str, dilations))]
    return ["--crop", case["crop"], "--stride", case["stride"], "--short-side", case["short_side"],
            "--policy", case["policy"], "--model", FOLDER / MANIFEST["models"][case["model"]]["blob"],
            "--precision", "f32"], ["--logit-scale", case["logit_scale"], "--prob-thd", case["prob_thd"], *area, *refine]


@pytest.mark.parametrize("case", MANIFEST["cases"], ids=lambda c: f"{c['model']}-{c['name']}")
def test_case(case, sclip, tmp_path):
    windows, scores = flags(case)
    photo = FOLDER / case["photo"]
    classes = "; ".join(", ".join(c) for c in MANIFEST["models"][case["model"]]["classes"])
    run_sclip("segment", photo, "--classes", classes, *windows, *scores, "--no-cache", "-o", tmp_path,
              "--outputs", "mask,json,scores,logits")
    run_sclip("embed", "--image", photo, "--dense", *windows, "-o", tmp_path / "features.npy")

    expected = {kind: np.load(FOLDER / file) for kind, file in case["files"].items()}
    features = np.load(tmp_path / "features.npy")
    features = features.reshape(len(case["windows"]), -1, features.shape[-1])
    if case["window"] is not None:
        features = features[case["window"]:case["window"] + 1]
    assert difference(features, expected["features"]) / np.abs(expected["features"]).max() <= 1e-5

    every = case["logits_every"]
    # The demo model's cosines reach 0.7, where those of CLIP stay near 0.1: there PyTorch in f32 is off by 1.5e-6 too.
    # PAMR's weights are exponentials of differences over a deviation: where a photo is nearly flat, they carry the rounding
    # of the guide ten times over.
    tolerance = max(2e-6, 5e-6 * np.abs(expected["logits"]).max(), 0 if case["refine"] is None else 1e-5)
    assert difference(np.load(tmp_path / "logits.npy")[:, ::every, ::every], expected["logits"]) <= tolerance
    every = case["labels_every"]
    mask = np.asarray(Image.open(tmp_path / "mask.png"))[::every, ::every]
    assert mask.shape == expected["labels"].shape
    # 99.99 % of the pixels; a small photo may have one on the edge between two classes.
    same = mask == expected["labels"]
    assert np.count_nonzero(~same) <= max(1, mask.size // 10000)
    assert difference(np.load(tmp_path / "scores.npy")[::every, ::every][same], expected["scores"][same]) <= 4e-4


@pytest.mark.parametrize("model", MANIFEST["models"])
def test_texts_and_class_token(model, sclip, tmp_path):
    entry = MANIFEST["models"][model]
    common = ["--model", FOLDER / entry["blob"], "--precision", "f32", "-o", tmp_path / "e.npy"]
    run_sclip("embed", *[flag for p in entry["prompts"] for flag in ("--text", p)], *common)
    assert difference(np.load(tmp_path / "e.npy"), np.load(FOLDER / entry["files"]["prompt_features"])) <= 2e-6
    run_sclip("embed", "--image", FOLDER / entry["photo"], "--overwrite", *common)
    assert difference(np.load(tmp_path / "e.npy")[0], np.load(FOLDER / entry["files"]["photo_embedding"])) <= 2e-6
