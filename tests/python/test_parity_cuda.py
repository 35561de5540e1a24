"""ViT-B/16 from photo to labels on the CUDA backend, against the CPU in f32 (which test_parity_segment.py holds to the reference).

Without a device the command runs under cudasim, all checks on."""
import numpy as np
import pytest
from parity import ROOT, SCLIP, Setting, difference, run_sclip, segment_with_sclip

SIMULATOR = SCLIP.parent / "cudasim"
# Under cudasim a window takes seconds: two rows of three for the photo, one for the pixel.
SETTINGS = [Setting("landscape", "sclip", "voc20", 240), Setting("small", "clip", "voc21", 160), Setting("pixel", "sclip", "voc20", 224)]
# Precision → largest difference of the logits, smallest share of equal labels.
LIMITS = {"f32": (5e-6, 0.9999), "f16": (3e-4, 0.995), "bf16": (2e-3, 0.99)}


@pytest.fixture(scope="module")
def launcher():
    """What comes before the command: nothing where there is a device."""
    cuda = next(line for line in run_sclip("info").splitlines() if line.split()[:1] == ["cuda"])
    if "this build has no CUDA backend" in cuda:
        pytest.skip("this build has no CUDA backend: parity on CUDA was not checked")
    if "refused" not in cuda:
        return []
    if not SIMULATOR.exists():
        pytest.skip("there is neither a CUDA device nor cudasim here: parity on CUDA was not checked")
    return [SIMULATOR, "--seed", "5"]


# The many windows of the landscape in one precision only.
CASES = [(SETTINGS[0], "f16"), *((SETTINGS[1], p) for p in LIMITS), (SETTINGS[2], "f32")]


@pytest.mark.parametrize("setting, precision", CASES, ids=lambda x: x if isinstance(x, str) else f"{x.photo}-{x.policy}-{x.config}")
def test_cuda(setting, precision, launcher, sclip, random_vit, photos, bank_cache, tmp_path):
    expected, _, expected_mask, _ = segment_with_sclip(setting, photos, random_vit[2], "f32", tmp_path / "cpu", bank_cache)
    logits, _, mask, result = segment_with_sclip(setting, photos, random_vit[2], precision, tmp_path / "cuda", bank_cache,
                                                 "cuda", launcher)
    error, agreement = difference(logits, expected), (mask == expected_mask).mean()
    print(f"{precision}: logits off by {error:.2e} of {np.abs(expected).max():.3f}, labels equal on {agreement:.3%}")
    allowed, least = LIMITS[precision]
    assert error <= allowed
    assert agreement >= least
    assert result["device"]["name"] == "cuda" and result["device"]["precision"] == precision


def test_an_explicit_device_that_is_not_there_is_an_error(sclip):
    if "refused" not in next(line for line in run_sclip("info").splitlines() if line.split()[:1] == ["cuda"]):
        pytest.skip("there is a CUDA device here")
    with pytest.raises(AssertionError, match="device cuda cannot be used"):
        run_sclip("segment", ROOT / "tests/data/photos/china.jpg", "--classes", "sky", "--device", "cuda", "-o", "/nowhere")
