"""Read-outs that compare patches with each other, where no patch differs from another: a model without positions, and a photo of one
colour. Cosines are 1 up to rounding, distances 0 or rounding, and every choice among patches is one among equals."""
import numpy as np
import pytest
import torch
from PIL import Image
from parity import convert, difference, run_sclip

from tests.reference import image, random_weights, text
from tests.reference.configurations import Configuration
from tests.reference.segment import segment
from tests.reference.weights import load_model

WORDS = [["sky"], ["tree"]]


@pytest.fixture(scope="module")
def without_positions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("equal")
    tensors = random_weights.random_state_dict(random_weights.TWELVE, seed=12)
    tensors["visual.positional_embedding"][1:] = 0
    random_weights.save_state_dict(tensors, folder / "equal.pt")
    convert(folder / "equal.pt", folder / "equal.sclip")
    Image.new("RGB", (96, 64), (120, 130, 90)).save(folder / "plain.png")
    return folder


@pytest.mark.parametrize("policy", ["sc-clip", "dih-clip", "sfp"])
def test_equal_patches(policy, sclip, without_positions, tmp_path):
    folder = without_positions
    run_sclip("segment", folder / "plain.png", "--model", folder / "equal.sclip", "-c", "sky; tree", "--policy", policy, "--short-side", 64,
              "--crop", 0, "--precision", "f32", "--no-cache", "-o", tmp_path, "--outputs", "mask,json,logits")
    logits = np.load(tmp_path / "logits.npy")
    assert np.isfinite(logits).all() and np.abs(logits).max() <= 1 + 1e-6
    if policy == "sfp":
        return  # ten of the equal patches are repaired, some to 0: which ones is rounding
    assert np.ptp(logits, axis=(1, 2)).max() <= 2e-6
    model = load_model(folder / "equal.pt")
    queries, owner = text.flatten_classes(WORDS)
    with torch.no_grad():
        bank = text.text_bank(model, queries).double()
    expected = segment(model.to(torch.float64), image.decode(folder / "plain.png"), bank, owner, policy, Configuration(short_side=64), 0, 32)
    assert difference(logits, expected.logits.numpy()) <= 2e-6
