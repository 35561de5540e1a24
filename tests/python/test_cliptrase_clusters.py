"""CLIPtrase's vote in clusters, from photo to labels: against the definition in NumPy and PyTorch. What scikit-learn and SciPy make of
the two steps that are theirs is checked by tests/unit/clusters_test.cpp."""
import json

import numpy as np
import pytest
import torch
from parity import convert, make_photos, run_sclip
from PIL import Image
from torch.nn import functional as F

from tests.reference import image, random_weights
from tests.reference.read_outs._dual_path import embed
from tests.reference.transformer import attention, layer_norm, mlp, out_projection, qkv
from tests.reference.vision import positions
from tests.reference.weights import load_model

EPS, LEAST = 1.0, 3


def affinity(model, pixels):
    """(N, N) of the last block but one: the mean cosine of two tokens' rows over heads, and over q, k and v."""
    x = embed(model, pixels[None], positions)
    for i in range(model.vision_layers - 1):
        block = f"visual.transformer.resblocks.{i}"
        q, k, v = qkv(layer_norm(x, model, f"{block}.ln_1"), model, block)
        x = x + out_projection(attention(q, k) @ v, model, block)
        x = x + mlp(layer_norm(x, model, f"{block}.ln_2"), model, block)
    unit = [F.normalize(s, dim=-1) for s in (q, k, v)]
    return sum(s @ s.transpose(-1, -2) for s in unit)[0].mean(dim=0) / 3


def dbscan(rows):
    near = torch.cdist(rows, rows) <= EPS
    core = near.sum(dim=1) >= LEAST
    clusters = torch.full((len(rows),), -1)
    count = 0
    for first in range(len(rows)):
        if clusters[first] >= 0 or not core[first]:
            continue
        members = torch.zeros(len(rows), dtype=torch.bool)
        members[first] = True
        while True:
            wider = members | near[members & core].any(dim=0)
            if torch.equal(wider, members):
                break
            members = wider
        clusters[members & (clusters < 0)] = count
        count += 1
    return clusters, count


def vote(labels, w0, h, w):
    rows = (w0[1:, 1:] - w0[:1, 1:]).clamp(min=0)
    clusters, count = dbscan(rows)
    maps = torch.stack([rows[clusters == c].mean(dim=0) for c in range(count)]).unflatten(1, (h, w))
    maps = F.interpolate(maps[None], size=(4 * h, 4 * w), mode="bilinear", align_corners=False)[0].numpy()
    padded = np.pad(maps, ((0, 0), (3, 3), (3, 3)), mode="symmetric")
    maps = torch.from_numpy(np.median(np.lib.stride_tricks.sliding_window_view(padded, (7, 7), axis=(1, 2)), axis=(-1, -2)))
    maps = F.interpolate(maps[None], size=labels.shape, mode="bilinear", align_corners=False)[0]
    owner, out = maps.argmax(dim=0).numpy(), labels.copy()
    for c in range(count):
        if (owner == c).any():
            out[owner == c] = np.bincount(labels[owner == c]).argmax()
    return out, clusters


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clusters")
    random_weights.save_state_dict(random_weights.random_state_dict(random_weights.TWELVE, seed=11), folder / "random.pt")
    convert(folder / "random.pt", folder / "random.sclip")
    return folder, make_photos(folder)["landscape"]


def segment(scene, policy, out, crop=0, stride=32):
    folder, photo = scene
    run_sclip("segment", photo, "--model", folder / "random.sclip", "-c", "sky; building; tree; person", "--policy", policy, "--short-side", 64,
              "--crop", crop, "--stride", stride, "--precision", "f32", "--no-cache", "-o", out)
    return np.array(Image.open(out / "mask.png")), json.loads((out / "result.json").read_text())


def test_labels_are_voted_on(sclip, scene, tmp_path):
    plain, _ = segment(scene, "cliptrase", tmp_path / "plain")
    voted, result = segment(scene, f"cliptrase:clusters=1,eps={EPS},min={LEAST}", tmp_path / "voted")
    model = load_model(scene[0] / "random.pt").to(torch.float64)
    photo = image.decode(scene[1])
    height, width = image.scaled_size(*photo.shape[:2], 64)
    pixels = torch.from_numpy(image.normalise(image.resize_opencv_linear(photo, height, width))).double()
    with torch.no_grad():
        w0 = affinity(model, pixels)
    expected, clusters = vote(plain, w0, height // model.patch, width // model.patch)
    print(f"{int(clusters.max()) + 1} clusters, {int((clusters < 0).sum())} patches of noise, {(voted != plain).mean():.3f} of the pixels change")
    assert int(clusters.max()) >= 0 and (voted != plain).any()
    # Two maps that are equal but for rounding may swap a pixel at their border.
    assert (voted == expected).mean() >= 0.999
    assert [c["pixels"] for c in result["classes"]] == [int((voted == k).sum()) for k in range(4)]


def test_several_windows_are_refused(sclip, scene, tmp_path):
    with pytest.raises(AssertionError, match="crop 0"):
        segment(scene, "cliptrase:clusters=1", tmp_path, crop=56)
