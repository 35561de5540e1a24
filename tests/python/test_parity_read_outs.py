"""Read-outs that look at more than the last block (tests/reference/read_outs), against their reference in f64: on a narrow tower
of twelve blocks with windows that are and are not square, on ViT-B/16, on CUDA, and on photos without anything to tell apart."""
import numpy as np
import pytest
import torch
from PIL import Image
from parity import SCLIP, convert, difference, make_photos, run_sclip

from tests.reference import image, random_weights, read_outs, text
from tests.reference.configurations import Configuration
from tests.reference.segment import segment
from tests.reference.weights import load_model

WORDS = [["sky"], ["building", "house", "temple"], ["tree"], ["person"]]
CLASSES = "; ".join(", ".join(names) for names in WORDS)
SIMULATOR = SCLIP.parent / "cudasim"

# Short side, crop and stride: square windows; the whole photo, 8×12 patches; windows that the photo's border cuts to 5×7.
LAYOUTS = {"square": (64, 56, 32), "whole": (64, 0, 32), "narrow": (40, 56, 32)}


class Tower:
    """A random model: its blob, the reference in f64, and the embeddings of WORDS."""

    def __init__(self, folder, shape):
        random_weights.save_state_dict(random_weights.random_state_dict(shape, seed=11), folder / "random.pt")
        convert(folder / "random.pt", folder / "random.sclip")
        model = load_model(folder / "random.pt")
        queries, self.owner = text.flatten_classes(WORDS)
        with torch.no_grad():
            self.bank = text.text_bank(model, queries).double()
        self.blob, self.model, self.cache = folder / "random.sclip", model.to(torch.float64), folder / "cache"

    def expected(self, photo, policy, short_side, crop, stride):
        return segment(self.model, image.decode(photo), self.bank, self.owner, policy, Configuration(short_side=short_side),
                       crop, stride).logits.numpy()

    def found(self, photo, policy, short_side, crop, stride, folder, device="cpu", launcher=()):
        run_sclip("segment", photo, "--model", self.blob, "-c", CLASSES, "--policy", policy, "--short-side", short_side, "--crop", crop,
                  "--stride", stride, "--precision", "f32", "--device", device, "--cache-dir", self.cache, "-o", folder,
                  "--outputs", "mask,json,logits", launcher=launcher)
        return np.load(folder / "logits.npy")


@pytest.fixture(scope="module")
def twelve(tmp_path_factory):
    return Tower(tmp_path_factory.mktemp("twelve"), random_weights.TWELVE)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    made = make_photos(folder)
    Image.new("RGB", (96, 64), (120, 130, 90)).save(folder / "plain.png")
    return made | {"plain": folder / "plain.png"}


def check(tower, photo, policy, layout, folder, allowed, **where):
    logits = tower.found(photo, policy, *layout, folder, **where)
    error = difference(logits, tower.expected(photo, policy, *layout))
    print(f"{policy}: logits off by {error:.2e} of {np.abs(logits).max():.3f}")
    assert error <= allowed


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("policy", read_outs.spellings())
def test_twelve_blocks(policy, layout, sclip, twelve, photos, tmp_path):
    check(twelve, photos["landscape"], policy, LAYOUTS[layout], tmp_path, 2e-6)


@pytest.mark.parametrize("policy", [s for s in read_outs.spellings() if ":" not in s])
def test_nothing_to_tell_apart(policy, sclip, twelve, photos, tmp_path):
    # One colour; four patches, which is fewer than the neighbours that some read-outs ask for; a photo of one pixel.
    for name, photo, layout in (("plain", "plain", (64, 56, 32)), ("few", "landscape", (16, 0, 32)), ("pixel", "pixel", (56, 56, 32))):
        logits = twelve.found(photos[photo], policy, *layout, tmp_path / name)
        assert np.isfinite(logits).all() and np.abs(logits).max() <= 1 + 1e-6, name


@pytest.mark.parametrize("policy", [s for s in read_outs.spellings() if ":" not in s])
def test_cuda(policy, sclip, twelve, photos, tmp_path):
    cuda = next(line for line in run_sclip("info").splitlines() if line.split()[:1] == ["cuda"])
    if "this build has no CUDA backend" in cuda:
        pytest.skip("this build has no CUDA backend: read-outs on CUDA were not checked")
    launcher = [SIMULATOR, "--seed", "5"] if "refused" in cuda else []
    check(twelve, photos["landscape"], policy, LAYOUTS["narrow"], tmp_path, 5e-6, device="cuda", launcher=launcher)


@pytest.fixture(scope="module")
def vit_bank(random_vit):
    """((K, E) f64, class of each query)"""
    queries, owner = text.flatten_classes(WORDS)
    with torch.no_grad():
        return text.text_bank(random_vit[0], queries).double(), owner


@pytest.mark.parametrize("policy", [s for s in read_outs.spellings() if ":" not in s])
def test_vit_b_16(policy, sclip, random_vit, vit_f64, vit_bank, photos, bank_cache, tmp_path):
    expected = segment(vit_f64, image.decode(photos["landscape"]), *vit_bank, policy, Configuration(short_side=224), 224,
                       112).logits.numpy()
    run_sclip("segment", photos["landscape"], "--model", random_vit[2], "-c", CLASSES, "--policy", policy, "--short-side", 224, "--crop", 224,
              "--stride", 112, "--precision", "f32", "--cache-dir", bank_cache, "-o", tmp_path, "--outputs", "mask,json,logits")
    error = difference(np.load(tmp_path / "logits.npy"), expected)
    print(f"{policy}: logits off by {error:.2e} of {np.abs(expected).max():.3f}")
    assert error <= 2e-6
