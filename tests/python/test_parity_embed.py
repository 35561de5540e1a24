"""ViT-B/16 embeddings: dense features, the class token, texts, zero-shot classification."""
import json

import numpy as np
import pytest
import torch
from parity import ROOT, TEMPLATES, difference, run_sclip

from tests.reference import image, text
from tests.reference.segment import classify, embed_photo


@pytest.mark.parametrize("photo,policy,short_side", [("landscape", p, 336) for p in
                                                     ("clip", "sclip", "maskclip", "q-only", "k-only")]
                         + [("portrait", "sclip", 336), ("small", "sclip", 160), ("pixel", "clip", 336)])
def test_dense_features(photo, policy, short_side, sclip, random_vit, oracle, photos, tmp_path):
    run_sclip("embed", "--image", photos[photo], "--dense", "--policy", policy, "--short-side", short_side,
              "--model", random_vit[2], "--precision", "f32", "-o", tmp_path / "dense.npy")
    features, spans, grid, _ = oracle.features(photo, policy, short_side)
    expected = features.numpy().reshape(len(spans), *grid, -1)
    error = difference(np.load(tmp_path / "dense.npy"), expected) / np.abs(expected).max()
    print(f"tokens off by {error:.2e} relative")
    assert error <= 1e-5


def test_class_token(sclip, random_vit, oracle, photos, tmp_path):
    run_sclip("embed", "--image", photos["landscape"], "--image", photos["portrait"], "--model", random_vit[2],
              "--precision", "f32", "-o", tmp_path / "e.npy")
    expected = np.stack([embed_photo(oracle.model, image.decode(photos[p])).numpy() for p in ("landscape", "portrait")])
    assert difference(np.load(tmp_path / "e.npy"), expected) / np.abs(expected).max() <= 1e-5


def test_texts(sclip, random_vit, oracle, tmp_path):
    texts = ["a photo of a cat", "", "sky", "Ünïcode — “quotes” &amp; 日本 🙂", "x " * 60]
    flags = [flag for t in texts for flag in ("--text", t)]
    run_sclip("embed", *flags, "--model", random_vit[2], "--precision", "f32", "-o", tmp_path / "t.npy")
    with torch.no_grad():
        expected = text.encode_all(oracle.model, texts).numpy()
    assert difference(np.load(tmp_path / "t.npy"), expected) / np.abs(expected).max() <= 1e-5


def test_classify(sclip, random_vit, photos, oracle, bank_cache):
    out = run_sclip("classify", photos["landscape"], "--classes-file", ROOT / "engine/text/data/class_names/voc20.txt", "--templates", TEMPLATES,
                    "--json", "--top", 0, "--model", random_vit[2], "--precision", "f32", "--cache-dir", bank_cache)
    listed = json.loads(out)["classes"]
    bank, owner = oracle.bank("voc20")
    with torch.no_grad():
        expected = classify(oracle.model, image.decode(photos["landscape"]), bank, owner).numpy()
    assert [c["probability"] for c in listed] == sorted((c["probability"] for c in listed), reverse=True)
    found = np.empty(len(expected))
    found[[c["id"] for c in listed]] = [c["probability"] for c in listed]
    assert difference(found, expected) <= 100 * 2e-6 * expected.max()
