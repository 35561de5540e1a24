"""The blob as a file: its table, its bytes, its hashes; and the parts of the converter that stand alone."""
import hashlib
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import open_clip
import pytest
import torch
from convert_support import PACKAGE, ROOT, TINY, converted, read_blob
from torch.nn import functional as F

from tests.reference.random_weights import Shape, random_state_dict, save_state_dict

from sclip_convert.describe import markdown_table
from sclip_convert.merges import merges_text
from sclip_convert.positions import resize_positions

DEMO = ROOT / "weights/demo/demo-clip.sclip"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny") / "tiny.pt"
    save_state_dict(random_state_dict(Shape(**TINY)), path)
    return path


def test_format_md_shows_the_table():
    text = (ROOT / "weights/FORMAT.md").read_text(encoding="utf-8")
    shown = text.split("<!-- table: tensors.csv -->\n")[1].split("<!-- end of table -->")[0]
    assert shown == markdown_table(), "run python -m sclip_convert.describe and paste its output into FORMAT.md"


def test_same_input_same_bytes(checkpoint, tmp_path):
    first, second = tmp_path / "a.sclip", tmp_path / "b.sclip"
    converted(first, "--from", "openai", checkpoint)
    converted(second, "--from", "openai", checkpoint)
    assert first.read_bytes() == second.read_bytes()


def test_hashes_alignment_and_order(checkpoint, tmp_path):
    _, metadata = converted(tmp_path / "a.sclip", "--from", "openai", checkpoint, "--dtype", "bf16")
    data = (tmp_path / "a.sclip").read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    assert start % 64 == 0
    assert hashlib.sha256(data[start:]).hexdigest() == metadata["payload_sha256"]
    header = data[8:start].replace(metadata["header_sha256"].encode(), b"0" * 64)
    assert hashlib.sha256(header).hexdigest() == metadata["header_sha256"]
    assert hashlib.sha256(checkpoint.read_bytes()).hexdigest() in metadata["source"]


def test_options_reach_the_metadata(checkpoint, tmp_path):
    _, metadata = converted(tmp_path / "a.sclip", "--from", "openai", checkpoint, "--crop", 0, "--stride", 8,
                            "--short-side", 99, "--name", "n", "--licence", "l", "--source", "s", "--notes", "é",
                            "--known-words", "cat, polar bear", "--vision-heads", 4)
    assert metadata["preprocessing"]["crop"] == 0 and metadata["preprocessing"]["short_side"] == 99
    assert [metadata[k] for k in ("model", "licence", "source", "notes")] == ["n", "l", "s", "é"]
    assert metadata["config"]["known_words"] == ["cat", "polar bear"]
    assert metadata["config"]["vision"]["heads"] == 4
    assert metadata["config"]["logit_scale"] == pytest.approx(100, rel=1e-3)


def test_the_module_runs_as_a_program(checkpoint, tmp_path):
    command = [sys.executable, "-m", "sclip_convert", "--from", "openai", checkpoint, "-o", tmp_path / "a.sclip"]
    run = subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, check=False)
    assert run.returncode == 0 and run.stdout.startswith("wrote "), run.stderr
    run = subprocess.run(command[:5] + ["/nowhere", "-o", tmp_path / "b.sclip"], cwd=PACKAGE, capture_output=True,
                         text=True, check=False)
    assert run.returncode == 2 and run.stderr.startswith("sclip_convert: error: ") and run.stderr.count("\n") == 1


def test_no_library_but_numpy_is_imported(checkpoint, tmp_path):
    program = ("import sys; from sclip_convert.cli import main; code = main(sys.argv[1:]); "
               "sys.exit(code or any(m in sys.modules for m in ('torch', 'safetensors', 'transformers', 'open_clip')))")
    run = subprocess.run([sys.executable, "-c", program, "--from", "openai", checkpoint, "-o", tmp_path / "a.sclip"],
                         cwd=PACKAGE, check=False)
    assert run.returncode == 0


def test_wheel_holds_table_and_merges(tmp_path):
    shutil.copytree(PACKAGE, tmp_path / "weights/convert", symlinks=True)
    shutil.copy(PACKAGE.parent / "tensors.csv", tmp_path / "weights")
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path,
                    tmp_path / "weights/convert"], check=True)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    for name in ("tensors.csv", "data/bpe_simple_vocab_16e6.txt.gz", "data/NOTICE"):
        assert f"sclip_convert/{name}" in names


@pytest.mark.parametrize("old, new", [(7, 14), (14, 7), (14, 24), (24, 14), (14, 15), (3, 1)])
def test_positions_resized_as_open_clip_does(old, new):
    table = np.random.default_rng(old * new).standard_normal((1 + old * old, 8)).astype(np.float32)
    grid = torch.from_numpy(table[1:]).double().reshape(1, old, old, 8).permute(0, 3, 1, 2)
    expected = F.interpolate(grid, size=(new, new), mode="bicubic", antialias=True, align_corners=False)
    ours = resize_positions(table, new, "open_clip")
    np.testing.assert_array_equal(ours[0], table[0])
    np.testing.assert_allclose(ours[1:], expected[0].permute(1, 2, 0).reshape(new * new, 8), atol=2e-6)


@pytest.mark.parametrize("old, new", [(7, 14), (14, 7), (14, 24), (14, 15)])
def test_positions_resized_as_sclip_does(old, new):
    table = np.random.default_rng(old * new).standard_normal((1 + old * old, 8)).astype(np.float32)
    grid = torch.from_numpy(table[1:]).double().reshape(1, old, old, 8).permute(0, 3, 1, 2)
    scale = (new + 0.1) / old
    expected = F.interpolate(grid, scale_factor=(scale, scale), mode="bicubic", align_corners=False,
                             recompute_scale_factor=False)
    assert expected.shape[-1] == new
    ours = resize_positions(table, new, "sclip")
    np.testing.assert_allclose(ours[1:], expected[0].permute(1, 2, 0).reshape(new * new, 8), atol=2e-6)


def test_image_size_option(checkpoint, tmp_path):
    native, _ = converted(tmp_path / "a.sclip", "--from", "openai", checkpoint, "--dtype", "f32")
    blob, metadata = converted(tmp_path / "b.sclip", "--from", "openai", checkpoint, "--dtype", "f32", "--image-size",
                               64, "--position-interp", "sclip")
    assert metadata["config"]["vision"]["image_size"] == 64 and metadata["preprocessing"]["crop"] == 64
    key = "visual.positional_embedding"
    np.testing.assert_array_equal(blob[key], resize_positions(native[key], 4, "sclip"))


def test_demo_model_knows_the_words_it_claims():
    blob, metadata = read_blob(DEMO)
    assert "non-commercial research" in metadata["licence"]
    words = metadata["config"]["known_words"]
    assert words[0] == "sky" and "pagoda" in words and len(words) == 226
    assert blob["tokenizer.merges"].tobytes() == merges_text(49408)
    embedding, tokenizer = blob["text.token_embedding"], open_clip.get_tokenizer("ViT-B-16")
    for word in words:
        for token in tokenizer.encode(word):
            assert np.abs(embedding[token]).max() > 0, f"{word}: token {token} was never trained"
