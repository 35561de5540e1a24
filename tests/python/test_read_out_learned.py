"""The policy `learned`: a matrix from a file against the reference, files that cannot be, and the script that trains one."""
import subprocess
import sys

import numpy as np
import pytest
import torch
from cli_support import DEMO_MODEL, ROOT, fail
from parity import difference, run_sclip
from PIL import Image, ImageDraw
from test_parity_read_outs import LAYOUTS, SIMULATOR, check, photos, twelve  # noqa: F401

from tests.reference import read_outs, vision
from tests.reference.weights import Model
from weights.learned_attention import train

WIDTH, HEADS = 256, 4
DEMO_WIDTH, DEMO_HEADS = 320, 5


def save(path, *shape, scale=1.0, dtype=np.float32):
    values = np.random.default_rng(5).standard_normal(shape) * scale / np.sqrt(shape[-1])
    np.save(path, values.astype(np.float16).astype(dtype))  # f16 values, whatever the file holds
    return path


@pytest.mark.parametrize("shape", [(WIDTH, WIDTH), (HEADS, 64, 64), (64, 64)])
def test_a_matrix_from_a_file(shape, sclip, twelve, photos, tmp_path):  # noqa: F811
    file = save(tmp_path / "w.npy", *shape)
    check(twelve, photos["landscape"], f"learned:file={file}", LAYOUTS["narrow"], tmp_path, 2e-6)
    half = save(tmp_path / "half.npy", *shape, dtype=np.float16)
    check(twelve, photos["landscape"], f"learned:file={half}", LAYOUTS["narrow"], tmp_path / "half", 2e-6)


def test_cuda(sclip, twelve, photos, tmp_path):  # noqa: F811
    cuda = next(line for line in run_sclip("info").splitlines() if line.split()[:1] == ["cuda"])
    if "this build has no CUDA backend" in cuda:
        pytest.skip("this build has no CUDA backend: the policy learned on CUDA was not checked")
    file = save(tmp_path / "w.npy", WIDTH, WIDTH)
    check(twelve, photos["landscape"], f"learned:file={file}", LAYOUTS["narrow"], tmp_path, 5e-6, device="cuda",
          launcher=[SIMULATOR, "--seed", "5"] if "refused" in cuda else [])


@torch.no_grad()
def test_where_training_begins_is_the_models_own_query_projection(twelve, tmp_path):  # noqa: F811
    """Ties the file's orientation to the model's: without the query's bias, which W has not, it is q-only."""
    model = Model(dict(twelve.model.tensors), twelve.model.quick_gelu, twelve.model.eps)
    key = f"visual.transformer.resblocks.{model.vision_layers - 1}.attn.in_proj_bias"
    model.tensors[key] = torch.cat([torch.zeros(WIDTH, dtype=model.dtype), model[key][WIDTH:]])
    np.save(tmp_path / "w.npy", train.beginning(model).numpy())
    windows = torch.from_numpy(np.random.default_rng(2).standard_normal((1, 3, 40, 56)))
    features, _ = read_outs.read_out(f"learned:file={tmp_path / 'w.npy'}", read_outs.Inputs(model, windows, windows[0]))
    assert (features - vision.tokens(model, windows, "q-only")[:, 1:]).abs().max() <= 1e-12


@pytest.mark.parametrize("make, words", [
    (lambda p: np.save(p, np.zeros((3, 5), np.float32)), ["(3, 5)", f"({DEMO_WIDTH}, {DEMO_WIDTH})", f"({DEMO_HEADS}, 64, 64)"]),
    (lambda p: np.save(p, np.zeros((DEMO_WIDTH, DEMO_WIDTH), np.int32)), ["I32", "f32 or f16"]),
    (lambda p: np.save(p, np.full((DEMO_WIDTH, DEMO_WIDTH), np.nan, np.float32)), ["not finite"]),
    (lambda p: p.write_text("no array"), ["not a .npy file"]),
    (lambda p: None, ["w.npy"]),
])
def test_a_file_that_cannot_be_is_refused(make, words, sclip, tmp_path):
    photo = tmp_path / "photo.png"
    Image.new("RGB", (64, 48)).save(photo)
    make(tmp_path / "w.npy")
    message = fail("segment", photo, "--model", DEMO_MODEL, "-c", "sky; tree", "--templates", "none", "--no-cache", "--policy",
                   f"learned:file={tmp_path / 'w.npy'}", "-o", tmp_path / "out")
    for word in words:
        assert word.lower() in message.lower()


def test_without_a_file_it_says_what_it_needs(sclip, tmp_path):
    Image.new("RGB", (64, 48)).save(tmp_path / "photo.png")
    assert "learned:file=" in fail("segment", tmp_path / "photo.png", "--model", DEMO_MODEL, "-c", "sky; tree", "--templates", "none",
                                   "--no-cache", "--policy", "learned", "-o", tmp_path / "out")


def test_a_run_resumes_only_where_the_file_is_the_same(sclip, tmp_path):
    for name in ("a", "b"):
        Image.effect_noise((64, 48), 50).convert("RGB").save(tmp_path / f"{name}.png")
    file = save(tmp_path / "w.npy", DEMO_WIDTH, DEMO_WIDTH)
    options = ["segment", tmp_path / "a.png", tmp_path / "b.png", "--model", DEMO_MODEL, "-c", "sky; tree", "--templates", "none",
               "--no-cache", "--policy", f"learned:file={file}", "-o", tmp_path / "out", "--resume"]
    assert "2 photos" in run_sclip(*options)
    assert "2 finished before" in run_sclip(*options)
    save(file, DEMO_WIDTH, DEMO_WIDTH, scale=2)
    assert "finished before" not in run_sclip(*options)


def pictures(folder, count):
    """Discs and bars on a ground, and which is where."""
    random = np.random.default_rng(1)
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for i in range(count):
        photo, mask = Image.new("RGB", (96, 80), (90, 120, 70)), Image.new("L", (96, 80), 0)
        for colour, value, shape in (((200, 40, 30), 1, "ellipse"), ((30, 50, 200), 2, "rectangle")):
            x, y = random.integers(0, 60), random.integers(0, 40)
            for canvas, fill in ((photo, colour), (mask, value)):
                getattr(ImageDraw.Draw(canvas), shape)((x, y, x + 30, y + 30), fill=fill)
        ImageDraw.Draw(mask).rectangle((0, 0, 3, 3), fill=255)
        photo.save(folder / f"images/{i}.png")
        mask.save(folder / f"masks/{i}.png")
    (folder / "classes.txt").write_text("grass, field\nball\nbar, box\n")


def test_training(sclip, twelve, photos, tmp_path, monkeypatch, capsys):  # noqa: F811
    pictures(tmp_path / "data", 6)

    def run(out, steps):
        monkeypatch.setattr(sys, "argv", [str(a) for a in (
            "train.py", twelve.blob, tmp_path / "data", "-o", out, "--photos", 4, "--steps", steps, "--batch", 99, "--rate", 1e-3,
            "--short-side", 64, "--crop", 56, "--stride", 32, "--seed", 3)])
        train.main()
        said = capsys.readouterr().out
        assert said.startswith("4 photos, ")
        losses = [float(line.split("loss ")[1]) for line in said.splitlines() if "loss" in line]
        return np.load(out), losses

    matrix, losses = run(tmp_path / "w.npy", 8)
    assert matrix.shape == (WIDTH, WIDTH) and matrix.dtype == np.float32 and np.isfinite(matrix).all()
    assert losses[-1] < losses[0]
    again, _ = run(tmp_path / "again.npy", 8)
    assert np.array_equal(matrix, again)  # seeded
    start, _ = run(tmp_path / "start.npy", 0)
    assert difference(start, matrix) > 1e-3
    check(twelve, photos["landscape"], f"learned:file={tmp_path / 'w.npy'}", LAYOUTS["square"], tmp_path / "out", 2e-6)


def test_training_refuses_masks_of_other_classes(sclip, twelve, tmp_path):  # noqa: F811
    pictures(tmp_path / "data", 2)
    (tmp_path / "data/classes.txt").write_text("grass\nball\n")
    done = subprocess.run([sys.executable, ROOT / "weights/learned_attention/train.py", twelve.blob, tmp_path / "data", "-o",
                           tmp_path / "w.npy"], capture_output=True, text=True)
    assert done.returncode != 0 and "is not a mask of 2 classes" in done.stderr and not (tmp_path / "w.npy").exists()
