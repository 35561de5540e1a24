"""`sclip classify`, `embed`, `info`, and the command line itself."""
import json

import numpy as np
import pytest
from cli_support import BARE, CHINA, CLASSES, DEMO_MODEL, fail, files_in, pytestmark, succeed  # noqa: F401


def test_classify_tells_its_scale_and_where_it_ran():
    def facts(*arguments):
        return json.loads(succeed("classify", CHINA, "--classes", "sky; car", *BARE, "--json", "--precision", "f32", *arguments).out)

    def odds(answer):
        p = {c["name"]: c["probability"] for c in answer["classes"]}
        return np.log(p["sky"] / p["car"])

    usual = facts()
    assert usual["device"] == {"name": "cpu", "precision": "f32"} and usual["warnings"] == []
    assert f"learned logit scale {usual['logit_scale']:g}"[:25] in succeed("info").out
    assert facts("--logit-scale", usual["logit_scale"])["classes"] == usual["classes"]
    ten = facts("--logit-scale", "10")
    assert ten["logit_scale"] == 10
    # Odds go with the scale; probabilities are f32.
    assert odds(ten) / 10 == pytest.approx(odds(usual) / usual["logit_scale"], rel=1e-4)
    assert {c["probability"] for c in facts("--logit-scale", "0")["classes"]} == {0.5}
    fail("classify", CHINA, "-c", "sky", "--logit-scale", "-1")


def test_classify():
    table = succeed("classify", CHINA, "--classes", CLASSES, *BARE).out
    assert [line.split()[0] for line in table.splitlines()][0] == "class" and len(table.splitlines()) == 5
    facts = json.loads(succeed("classify", CHINA, "--classes", "sky; building; tree; cat; dog", *BARE, "--json").out)
    chances = [c["probability"] for c in facts["classes"]]
    assert abs(sum(chances) - 1) < 1e-5 and chances == sorted(chances, reverse=True)
    assert facts["photo"] == str(CHINA) and {c["id"] for c in facts["classes"]} == set(range(5))
    top = json.loads(succeed("classify", CHINA, "--classes", CLASSES, *BARE, "--json", "--top", "1").out)
    assert len(top["classes"]) == 1


def test_embed_texts(tmp_path):
    done = succeed("embed", "--text", "a photo of a sky", "--text", "tree", "-o", tmp_path / "sub/t.npy")
    assert done.out.endswith("computed on cpu in f32\n")  # whatever the image tower does
    both = np.load(tmp_path / "sub/t.npy")
    assert both.shape == (2, 256) and both.dtype == np.float32
    assert np.allclose(np.linalg.norm(both, axis=1), 1, atol=1e-5)
    succeed("embed", "--text", "tree", "-o", tmp_path / "one.npy")
    assert np.abs(np.load(tmp_path / "one.npy")[0] - both[1]).max() < 1e-3


def test_embed_photos(tmp_path):
    done = succeed("embed", "--image", CHINA, "--precision", "f32", "-o", tmp_path / "i.npy")
    assert done.out.endswith("computed on cpu in f32\n")
    assert np.load(tmp_path / "i.npy").shape == (1, 256)
    succeed("embed", "--image", CHINA, "--dense", "-o", tmp_path / "d.npy")
    dense = np.load(tmp_path / "d.npy")
    assert dense.shape == (15, 14, 14, 256) and np.allclose(np.linalg.norm(dense, axis=-1), 1, atol=1e-5)


def test_embed_needs_one_kind(tmp_path):
    assert "--text or --image" in fail("embed", "-o", tmp_path / "x.npy")
    assert "--text or --image" in fail("embed", "--text", "a", "--image", CHINA, "-o", tmp_path / "x.npy")
    assert "--dense" in fail("embed", "--text", "a", "--dense", "-o", tmp_path / "x.npy")
    assert "77" in fail("embed", "--text", "word " * 200, "-o", tmp_path / "x.npy")
    assert files_in(tmp_path) == []
    succeed("embed", "--text", "word " * 200, "--truncate", "-o", tmp_path / "x.npy")


def test_info():
    out = succeed("info", DEMO_MODEL).out
    for part in ("licence", "CamVid", "sha256", "known words", "cpu", "available", "cuda", "refused"):
        assert part in out
    assert "visual.patch_embed.weight" not in out
    tensors = succeed("info", DEMO_MODEL, "--tensors").out
    assert "visual.patch_embed.weight" in tensors and "(320, 3, 8, 8)" in tensors
    assert succeed("info").out.splitlines()[3:6] == out.splitlines()[3:6]  # the bundled model is the default


def test_a_device_asked_for_is_used_or_refused(tmp_path):
    line = fail("segment", CHINA, "-c", CLASSES, "--device", "cuda", "-o", tmp_path / "out")
    assert "cuda" in line
    assert "toaster" in fail("segment", CHINA, "-c", CLASSES, "--device", "toaster", "-o", tmp_path / "out")
    assert "f8" in fail("segment", CHINA, "-c", CLASSES, "--precision", "f8", "-o", tmp_path / "out")


@pytest.mark.parametrize("arguments, part", [
    (["segment"], "no photo"),
    (["segment", CHINA, "-c", CLASSES, "--threads", "4096"], "4096 threads"),
    (["segment", CHINA, "--jobs", "0"], "--jobs"),
    (["segment", CHINA, "--jobs", "many"], "--jobs"),
    (["segment", CHINA, "--frobnicate"], "--frobnicate"),
    (["segment", CHINA, "-c", CLASSES, "--policy", "magic"], "magic"),
    (["segment", CHINA, "--config", "voc99"], "voc99"),
    (["segment", CHINA, "--classes-file", "nowhere.txt"], "nowhere.txt"),
    (["segment", CHINA, "-c", CLASSES, "--classes-file", "voc21"], "not both"),
    (["segment", CHINA, "-c", CLASSES, "--prob-thd", "1.5"], "--prob-thd"),
    (["segment", CHINA, "-c", CLASSES, "--stride", "0"], "--stride"),
    (["segment", "nowhere.jpg", "-c", CLASSES], "nowhere.jpg"),
    (["segment", CHINA, CHINA, "-c", CLASSES, "--outputs", "logits=x.npy"], "--outputs logits=x.npy"),
    (["segment", CHINA, "-c", CLASSES, "--outputs", "mask,picture"], "'picture'"),
    (["segment", CHINA, "-c", CLASSES, "--outputs", "logits=x.png"], "x.png"),
    (["segment", CHINA, "-c", CLASSES, "--outputs", "mask", "--resume"], "json"),
    (["segment", CHINA, "-c", CLASSES, "--refine", "magic"], "magic"),
    (["segment", CHINA, "-c", CLASSES, "--refine-iterations", "3"], "pamr"),
    (["segment", CHINA, "-c", CLASSES, "--refine", "pamr", "--refine-cells", "40"], "pearl"),
    (["segment", CHINA, "-c", CLASSES, "--refine", "pamr", "--refine-dilations", "33"], "--refine-dilations"),
    (["segment", CHINA, "-c", CLASSES, "--refine", "pamr", "--refine-dilations", "8,16,32"], "--refine-dilations"),
    (["frobnicate"], "frobnicate"),
])
def test_wrong_command_lines(arguments, part, tmp_path):
    assert part in fail(*arguments, cwd=tmp_path)
    assert files_in(tmp_path) == []


def test_help_names_the_subcommands():
    out = succeed("--help").out
    for name in ("segment", "classify", "embed", "info", "--version"):
        assert name in out
    assert "--resume" in succeed("segment", "--help").out
