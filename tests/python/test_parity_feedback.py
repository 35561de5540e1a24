"""resclip and rf-clip where the common tests (test_parity_read_outs.py) cannot see them: words that the patches tell apart, sink
patches in the published channels, and options under which a read-out is a simpler one."""
import subprocess

import numpy as np
import pytest
import torch
from parity import SCLIP, convert, difference, make_photos, run_sclip

from tests.reference import image, random_weights, read_outs, text
from tests.reference.configurations import Configuration
from tests.reference.read_outs import _clip_blocks, resclip, rf_clip
from tests.reference.segment import segment
from tests.reference.transformer import attention, out_projection
from tests.reference.weights import load_model

# Of these the narrow random tower calls each the best of some patches; whole regions of a photo share a label.
WORDS = ["palm", "pizza", "armchair", "kitchenisland", "washer", "handbag"]
LAYOUTS = {"square": (64, 56, 32), "whole": (64, 0, 32), "narrow": (40, 56, 32)}
SIMULATOR = SCLIP.parent / "cudasim"

# Width 768, for which sink channels are published, and little else.
WIDE = random_weights.Shape(patch=16, image_size=64, vision_width=768, vision_layers=4, text_width=64, text_layers=2, embed=64,
                            vision_mlp=256, text_mlp=64, qk_gain=0.9, text_qk_gain=0.9)


class Tower:
    def __init__(self, folder, tensors):
        random_weights.save_state_dict(tensors, folder / "random.pt")
        convert(folder / "random.pt", folder / "random.sclip")
        model = load_model(folder / "random.pt")
        with torch.no_grad():
            self.bank = text.text_bank(model, WORDS).double()
        self.blob, self.model, self.cache = folder / "random.sclip", model.to(torch.float64), folder / "cache"

    def expected(self, photo, policy, short_side, crop, stride):
        return segment(self.model, image.decode(photo), self.bank, list(range(len(WORDS))), policy, Configuration(short_side=short_side),
                       crop, stride).logits.numpy()

    def found(self, photo, policy, short_side, crop, stride, folder, device="cpu", launcher=()):
        run_sclip("segment", photo, "--model", self.blob, "-c", "; ".join(WORDS), "--policy", policy, "--short-side", short_side, "--crop",
                  crop, "--stride", stride, "--precision", "f32", "--device", device, "--cache-dir", self.cache, "-o", folder,
                  "--outputs", "mask,json,logits", launcher=launcher)
        return np.load(folder / "logits.npy")


@pytest.fixture(scope="module")
def twelve(tmp_path_factory):
    return Tower(tmp_path_factory.mktemp("feedback"), random_weights.random_state_dict(random_weights.TWELVE, seed=11))


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    return make_photos(tmp_path_factory.mktemp("photos"))["landscape"]


def check(tower, photo, policy, layout, folder, allowed, **where):
    error = difference(tower.found(photo, policy, *layout, folder, **where), tower.expected(photo, policy, *layout))
    print(f"{policy}: logits off by {error:.2e}")
    assert error <= allowed


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("policy", ["resclip", "resclip:t=0.2,lambda-s=1,lambda-r=0.2,tau-r=1"])
def test_labels_steer_the_second_pass(policy, layout, sclip, twelve, photo, tmp_path, monkeypatch):
    labels = []
    patch_labels = resclip.patch_labels
    monkeypatch.setattr(resclip, "patch_labels", lambda *a: labels.append(patch_labels(*a)) or labels[-1])
    check(twelve, photo, policy, LAYOUTS[layout], tmp_path, 2e-6)
    assert max(len(of_window.unique()) for of_window in labels) >= 2, "the words tell no patches apart: nothing was tested"


def test_labels_on_cuda(sclip, twelve, photo, tmp_path):
    cuda = next(line for line in run_sclip("info").splitlines() if line.split()[:1] == ["cuda"])
    if "this build has no CUDA backend" in cuda:
        pytest.skip("this build has no CUDA backend: read-outs on CUDA were not checked")
    launcher = [SIMULATOR, "--seed", "5"] if "refused" in cuda else []
    check(twelve, photo, "resclip", LAYOUTS["narrow"], tmp_path, 5e-6, device="cuda", launcher=launcher)


def test_resclip_without_its_terms_is_naclip(sclip, twelve, photo, tmp_path):
    naclip = twelve.found(photo, "naclip", *LAYOUTS["whole"], tmp_path / "naclip")
    one_pass = twelve.found(photo, "resclip:lambda-r=0,lambda-s=0,tau-r=1,tau-s=1", *LAYOUTS["whole"], tmp_path / "one")
    assert np.array_equal(one_pass, naclip)
    # 1e-9 is 0 in f16, so that labels are made and have no weight.
    two_passes = twelve.found(photo, "resclip:lambda-r=0,lambda-s=1e-9,tau-r=1,tau-s=1", *LAYOUTS["whole"], tmp_path / "two")
    assert difference(two_passes, naclip) <= 5e-7
    assert difference(twelve.found(photo, "resclip", *LAYOUTS["whole"], tmp_path / "both"), naclip) > 1e-3


def test_rf_clip_without_its_terms_is_the_mean_of_the_blocks(sclip, twelve, photo, tmp_path):
    # No cosine of two patches reaches 0.9999 here, so that each is like itself alone.
    policy = "rf-clip:sinks=none,w=0,alpha=0,similar=0.9999"
    found = twelve.found(photo, policy, *LAYOUTS["square"], tmp_path)

    def features(inputs, **_):
        model = inputs.model
        x, _ = _clip_blocks.embed(model, inputs.windows)
        streams, keys = [], []
        for block in range(1, 13):
            before = x
            x, _, k = _clip_blocks.ordinary(model, block, x)
            streams.append(x)
            keys.append(attention(k, k)[:, :, 1:, 1:])
        halves = []
        for entering in (before, sum(streams) / 12):
            _, k, v = _clip_blocks.qkv_of(model, 12, entering)
            maps = torch.stack(keys[:11] + [attention(k, k)[:, :, 1:, 1:]]).mean(dim=0)
            assert maps.sum(dim=-1).max() < 1  # the class token's column is missing
            halves.append(out_projection(maps @ v[:, :, 1:], model, _clip_blocks.name(12)))
        return _clip_blocks.project(model, (halves[0] + halves[1]) / 2)

    expected = _segment_with(features, twelve, photo, LAYOUTS["square"])
    assert difference(found, expected) <= 2e-6
    assert difference(twelve.found(photo, "rf-clip:sinks=none,w=0,alpha=0", *LAYOUTS["square"], tmp_path / "mixed"), expected) > 1e-3


def _segment_with(features, tower, photo, layout):
    def plain(inputs, f, **_):
        return f @ inputs.bank.T
    original = rf_clip.features, rf_clip.cosines
    rf_clip.features, rf_clip.cosines = features, plain
    try:
        return tower.expected(photo, "rf-clip", *layout)
    finally:
        rf_clip.features, rf_clip.cosines = original


@pytest.mark.parametrize("policy", ["rf-clip", "rf-clip:scene=window"])
def test_sinks_in_the_published_channels(policy, sclip, photo, tmp_path, monkeypatch):
    tensors = random_weights.random_state_dict(WIDE, seed=7)
    for patch, channel in ((3, 162), (9, 713), (10, 713)):
        tensors["visual.positional_embedding"][1 + patch, channel] = 80
    tower = Tower(tmp_path, tensors)
    seen = []
    sink_patches = rf_clip.sink_patches
    monkeypatch.setattr(rf_clip, "sink_patches", lambda *a: seen.append(sink_patches(*a)) or seen[-1])
    check(tower, photo, policy, (96, 64, 32), tmp_path / "out", 2e-6)
    assert any(s.any() for s in seen) and not all(s.all() for s in seen)


def test_a_read_out_that_needs_words_says_so(sclip, twelve, photo, tmp_path):
    def embed(policy):
        return subprocess.run([SCLIP, "embed", "--image", photo, "--dense", "--model", twelve.blob, "--policy", policy, "--overwrite", "-o",
                               tmp_path / "features.npy"], capture_output=True, text=True, check=False)
    refused = embed("resclip")
    assert refused.returncode == 2 and "there are no words" in refused.stderr and "lambda-s=0" in refused.stderr
    assert embed("resclip:lambda-s=0").returncode == 0
    assert embed("rf-clip").returncode == 0
    assert np.isfinite(np.load(tmp_path / "features.npy")).all()
    for policy, words in (("rf-clip:scene=moon", "photo or window"), ("rf-clip:sinks=4+256", "channels of 0 to 255"),
                          ("rf-clip:sinks=", "published, none"), ("resclip:t=2", "0 to 1")):
        refused = embed(policy)
        assert refused.returncode == 2 and words in refused.stderr, (policy, refused.stderr)


def test_the_reference_groups_words_by_their_farthest_members():
    angles = torch.tensor([0.0, 28, 10, 41], dtype=torch.float64).deg2rad()
    bank = torch.stack([angles.cos(), angles.sin()], 1)

    def apart(degrees):
        return 1 - float(torch.tensor(float(degrees), dtype=torch.float64).deg2rad().cos())
    assert rf_clip.clusters(bank, apart(14)) == [[0, 2], [1, 3]]
    assert rf_clip.clusters(bank, apart(40)) == [[0, 2], [1, 3]]
    assert rf_clip.clusters(bank, apart(42)) == [[0, 1, 2, 3]]


def test_options_reach_the_modules():
    assert read_outs._options("resclip:tau-r=1,lambda-s=0.5") == {"tau_r": 1.0, "lambda_s": 0.5}
