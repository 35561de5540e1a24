"""A read-out that weighs words against each other has a rule of its own for one: CLIP Surgery takes the empty text's cosine off."""
import numpy as np
import torch
from parity import convert, difference, make_photos, run_sclip

from tests.reference import image, random_weights, text
from tests.reference.configurations import Configuration
from tests.reference.segment import segment
from tests.reference.weights import load_model


def test_one_word(sclip, tmp_path):
    random_weights.save_state_dict(random_weights.random_state_dict(random_weights.TWELVE, seed=11), tmp_path / "random.pt")
    convert(tmp_path / "random.pt", tmp_path / "random.sclip")
    photo = make_photos(tmp_path)["landscape"]
    model = load_model(tmp_path / "random.pt")
    found = {}
    for policy in ("surgery", "surgery:feature=0"):
        folder = tmp_path / policy.replace(":", "-")
        run_sclip("segment", photo, "--model", tmp_path / "random.sclip", "-c", "sky", "--no-background", "--policy", policy, "--short-side", 64,
                  "--crop", 56, "--stride", 32, "--precision", "f32", "--no-cache", "-o", folder, "--outputs", "mask,json,logits")
        found[policy] = np.load(folder / "logits.npy")
    with torch.no_grad():
        bank = text.text_bank(model, ["sky"]).double()
        model = model.to(torch.float64)
        for policy, logits in found.items():
            expected = segment(model, image.decode(photo), bank, [0], policy, Configuration(short_side=64), 56, 32).logits.numpy()
            assert difference(logits, expected) <= 2e-6, policy
    assert difference(found["surgery"], found["surgery:feature=0"]) > 1e-3
