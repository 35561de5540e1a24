"""`--refine pearl` against PyTorch in f64: on grids as large as the photo and smaller, on the CPU and on CUDA."""
from dataclasses import replace

import numpy as np
import pytest
import torch
from parity import SCLIP, convert, difference, make_photos, run_sclip
from PIL import Image

from tests.reference import image, random_weights, text
from tests.reference.configurations import Configuration
from tests.reference.segment import segment
from tests.reference.weights import load_model

WORDS = [["sky"], ["building", "house", "temple"], ["tree"], ["person"]]
CLASSES = "; ".join(", ".join(names) for names in WORDS)
SIMULATOR = SCLIP.parent / "cudasim"
LAYOUT = Configuration(short_side=64)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("twelve")
    random_weights.save_state_dict(random_weights.random_state_dict(random_weights.TWELVE, seed=11), folder / "random.pt")
    convert(folder / "random.pt", folder / "random.sclip")
    loaded = load_model(folder / "random.pt")
    queries, owner = text.flatten_classes(WORDS)
    with torch.no_grad():
        bank = text.text_bank(loaded, queries).double()
    return folder / "random.sclip", loaded.to(torch.float64), bank, owner


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    made = make_photos(folder)
    Image.new("RGB", (96, 64), (120, 130, 90)).save(folder / "plain.png")
    return made | {"plain": folder / "plain.png"}


def found(model, photo, folder, *options, device="cpu", launcher=()):
    run_sclip("segment", photo, "--model", model[0], "-c", CLASSES, "--short-side", 64, "--crop", 56, "--stride", 32, "--precision", "f32",
              "--device", device, "--no-cache", "--refine", "pearl", "-o", folder, "--outputs", "mask,json,logits", *options,
              launcher=launcher)
    return np.load(folder / "logits.npy"), np.asarray(Image.open(folder / "mask.png"))


def check(model, photo, folder, iterations, cells, allowed, **where):
    logits, labels = found(model, photo, folder, "--refine-iterations", iterations, "--refine-cells", cells, **where)
    expected = segment(model[1], image.decode(photo), model[2], model[3], "sclip", replace(LAYOUT, propagate=(iterations, cells)), 56, 32)
    plain = segment(model[1], image.decode(photo), model[2], model[3], "sclip", LAYOUT, 56, 32)
    moved = difference(plain.logits.numpy(), expected.logits.numpy())
    error = difference(logits, expected.logits.numpy())
    print(f"off by {error:.2e}; the propagation moves by {moved:.3f}")
    assert moved > 1000 * allowed, "a propagation that does next to nothing shows no error"
    assert error <= allowed
    assert (labels == expected.labels.numpy()).mean() >= 0.9999


@pytest.mark.parametrize("photo, iterations, cells", [("landscape", 25, 80), ("landscape", 25, 224), ("portrait", 25, 80), ("small", 25, 80),
                                                      ("small", 7, 10)])
def test_cpu(photo, iterations, cells, sclip, model, photos, tmp_path):
    check(model, photos[photo], tmp_path, iterations, cells, 2e-6)


def test_cuda(sclip, model, photos, tmp_path):
    cuda = next(line for line in run_sclip("info").splitlines() if line.split()[:1] == ["cuda"])
    if "this build has no CUDA backend" in cuda:
        pytest.skip("this build has no CUDA backend: the propagation on CUDA was not checked")
    launcher = [SIMULATOR, "--seed", "5"] if "refused" in cuda else []
    check(model, photos["small"], tmp_path, 25, 20, 5e-6, device="cuda", launcher=launcher)


@pytest.mark.parametrize("photo", ["plain", "pixel"])
def test_nothing_to_tell_apart(photo, sclip, model, photos, tmp_path):
    logits, _ = found(model, photos[photo], tmp_path)
    assert np.isfinite(logits).all() and np.abs(logits).max() <= 1 + 1e-6


def test_one_word(sclip, model, photos, tmp_path):
    run_sclip("segment", photos["small"], "--model", model[0], "-c", "sky", "--short-side", 64, "--crop", 56, "--stride", 32, "--no-cache",
              "--refine", "pearl", "-o", tmp_path, "--outputs", "mask,json,logits")
    assert np.isfinite(np.load(tmp_path / "logits.npy")).all()
