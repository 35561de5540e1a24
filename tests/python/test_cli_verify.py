"""`sclip verify`: its figures are those of two runs of `sclip segment`, computed again in NumPy."""
import json
import shutil

import numpy as np
import pytest
from cli_support import BARE, CHINA, CLASSES, ROOT, fail, pytestmark, run, succeed  # noqa: F401
from parity import has_bf16
from PIL import Image

FLOWER = ROOT / "tests/data/photos/flower.jpg"
lower = pytest.mark.skipif(not has_bf16(), reason="this CPU has no AVX-512 BF16")


def verified(*arguments, code=0):
    done = run("verify", *arguments, *BARE, "--json")
    assert done.code == code, done.err
    return json.loads(done.out)


def segmented(photo, precision, folder, *arguments):
    succeed("segment", photo, *BARE, *arguments, "--precision", precision, "--outputs", "logits,mask", "-o", folder)
    return np.load(folder / "logits.npy").astype(np.float64), np.array(Image.open(folder / "mask.png"))


def expected(pairs):
    """The report's figures of (logits, mask) in f32 and in the other precision, of each photo."""
    errors = [np.abs(a[0] - b[0]) for a, b in pairs]
    exact = np.concatenate([a[1].ravel() for a, _ in pairs])
    other = np.concatenate([b[1].ravel() for _, b in pairs])
    least, most = min(a[0].min() for a, _ in pairs), max(a[0].max() for a, _ in pairs)
    rms = np.sqrt(sum((e**2).sum() for e in errors) / sum(e.size for e in errors))
    shares = [((exact == c) & (other == c)).sum() / ((exact == c) | (other == c)).sum() for c in np.union1d(exact, other)]
    return {
        "logits": {"min": least, "max": most, "max_error": max(e.max() for e in errors),
                   "max_error_of_range": max(e.max() for e in errors) / (most - least),
                   "rms_error": rms, "rms_error_of_range": rms / (most - least)},
        "labels": {"pixels": exact.size, "equal": int((exact == other).sum()), "agreement": (exact == other).mean(),
                   "mean_iou": np.mean(shares)},
    }


def check(told, known):
    for part, figures in known.items():
        assert told[part] == pytest.approx(figures, rel=1e-9), part
    assert told["labels"]["equal"] == known["labels"]["equal"] and told["labels"]["pixels"] == known["labels"]["pixels"]


@lower
@pytest.mark.parametrize("options", [("-c", CLASSES), ("-c", CLASSES, "--policy", "naclip", "--refine", "pamr"),
                                     ("-c", "sky; tree", "--prob-thd", "0.9", "--ignore-label", "255")])
def test_the_figures_are_those_of_two_runs(options, tmp_path):
    pairs = [tuple(segmented(photo, p, tmp_path / photo.stem / p, *options) for p in ("f32", "bf16")) for photo in (CHINA, FLOWER)]
    facts = verified(CHINA, FLOWER, "--precision", "bf16", *options)
    assert [p["photo"] for p in facts["photos"]] == [str(CHINA), str(FLOWER)]
    for photo, pair in zip(facts["photos"], pairs):
        assert pair[0][0].shape[1:] == (photo["height"], photo["width"])
        check(photo, expected([pair]))
        assert 0 < photo["logits"]["rms_error"] < photo["logits"]["max_error"]
    check(facts["all"], expected(pairs))
    assert facts["all"]["labels"]["equal"] < facts["all"]["labels"]["pixels"]  # so that they can be told from those of f32
    assert facts["device"]["precision"] == "bf16" and facts["beside"]["precision"] == "f32"
    assert facts["device"]["name"] == facts["beside"]["name"] == "cpu" and facts["failed"] == []


@lower
def test_the_agreement_that_is_asked_for(tmp_path):
    options = ("--precision", "bf16", "-c", CLASSES)
    facts = verified(CHINA, FLOWER, *options)
    shares = sorted(photo["labels"]["agreement"] for photo in facts["photos"])
    assert "reached" not in facts and shares[0] < shares[1] <= 1
    assert verified(CHINA, FLOWER, *options, "--min-agreement", shares[0] - 1e-6)["reached"]
    between = (shares[0] + shares[1]) / 2  # what both together may reach does not count
    assert not verified(CHINA, FLOWER, *options, "--min-agreement", between, code=1)["reached"]
    done = run("verify", CHINA, FLOWER, *BARE, *options, "--min-agreement", "1")
    assert done.code == 1 and "of the labels are equal, and --min-agreement asks for 100.000%" in done.err
    # A photo that cannot be read is worse.
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(CHINA.read_bytes()[:20000])
    done = run("verify", CHINA, broken, *BARE, *options, "--min-agreement", "1", "--json")
    assert done.code == 2 and json.loads(done.out)["failed"] == [str(broken)] and "--salvage" in done.err
    assert len(verified(CHINA, broken, *options, "--salvage")["photos"]) == 2


@lower
def test_the_table(tmp_path):
    shutil.copy(CHINA, tmp_path / "a.jpg")
    shutil.copy(FLOWER, tmp_path / "b.jpg")
    text = succeed("verify", tmp_path, "--precision", "bf16", "-c", CLASSES, *BARE).out
    facts = verified(tmp_path, "--precision", "bf16", "-c", CLASSES)
    head, table = text.rstrip("\n").split("\n\n")
    assert head.startswith("bf16 beside f32: demo-clip on cpu (") and "policy sclip, 4 classes" in head
    rows = table.splitlines()
    assert "equal labels" in rows[0] and len(rows) == 4 and rows[3].lstrip().startswith("2 photos")
    for row, of in zip(rows[1:], [*facts["photos"], facts["all"]]):
        assert f"{100 * of['labels']['agreement']:.3f}%" in row and f"{of['logits']['max_error']:.6f}" in row
    assert len(succeed("verify", tmp_path / "a.jpg", "--precision", "bf16", "-c", CLASSES, *BARE).out.splitlines()) == 4


def test_it_refuses(tmp_path):
    assert "name the one that is to be judged" in fail("verify", CHINA, "-c", CLASSES, *BARE, "--precision", "f32")
    assert "does not compute in f16" in fail("verify", CHINA, "-c", CLASSES, *BARE, "--precision", "f16", "--device", "cpu")
    assert "does not compute in fp8" in fail("verify", CHINA, "-c", CLASSES, *BARE, "--precision", "fp8", "--device", "cpu")
    assert "no classes" in fail("verify", CHINA, "--precision", "bf16")
    assert "--min-agreement" in fail("verify", CHINA, "-c", CLASSES, "--min-agreement", "1.5")
    assert "cannot open" in fail("verify", tmp_path / "none.jpg", "-c", CLASSES, "--precision", "bf16")
