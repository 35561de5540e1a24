"""Every kind of checkpoint that the converter takes, run by `sclip embed`: the embeddings are the library's."""
import subprocess

import numpy as np
import pytest
import torch
from convert_kinds import KINDS, TEXTS, photos
from convert_support import convert
from convert_table import COSINE, README, supported_table

import parity

# Both sides compute in f32. Vectors that differ by a relative error e have 1 - cosine of e²/2 at most; sums of up to 1664
# products in another order, in two layers, stay under e = 1e-4. The wrong GELU gives e of some 4e-3.
LIMIT = 1 - 1e-4**2 / 2
assert LIMIT > COSINE

pytestmark = pytest.mark.usefixtures("sclip")


def cosines(ours, theirs):
    ours, theirs = ours.astype(np.float64), theirs.detach().double().numpy()
    assert ours.shape == theirs.shape and np.isfinite(ours).all() and np.isfinite(theirs).all()
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (ours, theirs))
    # The inputs are told apart by far more than the tolerance: the comparison means something.
    assert (b @ b.T)[0, 1] < 0.999
    return (a * b).sum(1)


def embedded(blob, out, option, values):
    arguments = [x for value in values for x in (option, value)]
    subprocess.run([parity.SCLIP, "embed", *arguments, "--model", blob, "-o", out, "--precision", "f32"], check=True,
                   stdout=subprocess.DEVNULL)
    return np.load(out)


@torch.no_grad()
def measured(made, folder, arguments=()):
    """(image cosines, text cosines) of a converted checkpoint."""
    made_at = folder / "m.sclip"
    run = convert("--from", *made.arguments, *arguments, "--dtype", "f32", "-o", made_at)
    assert run.returncode == 0, run.stderr
    paths, pixels = photos(folder, made.size)
    return (cosines(embedded(made_at, folder / "i.npy", "--image", paths), made.images(pixels)),
            cosines(embedded(made_at, folder / "t.npy", "--text", TEXTS), made.texts()))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.source}: {kind.label}")
def test_embeddings_are_the_librarys(kind, tmp_path):
    made = kind.make(tmp_path)
    made.arguments.insert(0, kind.source)
    for name, values in zip(("image", "text"), measured(made, tmp_path)):
        assert values.min() >= LIMIT, f"{name}: {values}"


def test_the_wrong_activation_would_be_seen(tmp_path):
    """The tolerance is far finer than what QuickGELU and GELU differ by, even in two layers."""
    made = next(kind for kind in KINDS if kind.label.startswith("`.pt`, QuickGELU")).make(tmp_path)
    made.arguments.insert(0, "open_clip")
    for values in measured(made, tmp_path, ["--activation", "gelu"]):
        assert values.max() < 1 - 100 * (1 - LIMIT)


def test_the_readme_has_the_table():
    text = README.read_text(encoding="utf-8")
    assert supported_table() in text, "run python tests/python/convert_table.py"
