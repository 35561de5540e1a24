"""`sclip segment` on photos that are in order: outputs, options, folders."""
import json

import numpy as np
from cli_support import BARE, CHINA, CLASSES, ROOT, fail, files_in, pytestmark, result, run, succeed  # noqa: F401
from PIL import Image


def test_single_photo(tmp_path):
    out = tmp_path / "made/for/it"
    done = succeed("segment", CHINA, "--classes", CLASSES, "--no-cache", "-o", out)
    assert files_in(out) == ["mask.png", "overlay.png", "result.json"]
    assert done.err == "" and "sky" in done.out and str(out / "mask.png") in done.out

    mask = Image.open(out / "mask.png")
    assert mask.mode == "P" and mask.size == (640, 427)
    labels = np.asarray(mask)
    facts = result(out)
    assert [c["name"] for c in facts["classes"]] == ["sky", "building", "tree", "water"]
    assert facts["classes"][1]["queries"] == ["building", "house"]
    assert [c["pixels"] for c in facts["classes"]] == [int((labels == i).sum()) for i in range(4)]
    assert abs(sum(c["share"] for c in facts["classes"]) - 1) < 1e-12
    # The demo model knows little, but what is above the pagoda is sky, and the trees are trees.
    assert (labels[:60] == 0).mean() > 0.95 and (labels[380:, 500:] == 2).mean() > 0.9
    assert set(facts["seconds"]) == {"load", "text_bank", "decode", "resize", "encode", "merge", "write"}
    assert all(s >= 0 for s in facts["seconds"].values())
    assert facts["photo"]["width"] == 640 and facts["photo"]["height"] == 427
    assert facts["options"]["crop"] == 112 and facts["options"]["stride"] == 56 and facts["options"]["short_side"] == 224
    assert facts["model"]["name"] and len(facts["model"]["sha256"]) == 64 and facts["model"]["licence"]
    assert facts["device"]["name"] == "cpu" and facts["device"]["precision"] in ("f32", "bf16")
    assert facts["version"] in succeed("--version").out
    for c in facts["classes"]:
        assert 0 <= c["mean_score"] <= c["max_score"] <= 1

    overlay = Image.open(out / "overlay.png")
    assert overlay.mode == "RGB" and overlay.width >= 640 and overlay.height > 427  # the legend


def test_arrays_agree_with_the_mask(tmp_path):
    succeed("segment", CHINA, "--classes", CLASSES, *BARE, "--outputs",
            f"mask,overlay,json,scores,logits={tmp_path / 'cosines.npy'}", "-o", tmp_path)
    assert files_in(tmp_path) == ["cosines.npy", "mask.png", "overlay.png", "result.json", "scores.npy"]
    cosines, scores = np.load(tmp_path / "cosines.npy"), np.load(tmp_path / "scores.npy")
    assert cosines.shape == (5, 427, 640) and cosines.dtype == np.float32 and scores.shape == (427, 640)
    e = np.exp(40 * (cosines - cosines.max(axis=0)).astype(np.float64))
    share = e / e.sum(axis=0)
    by_class = np.stack([share[0], share[1:3].max(axis=0), share[3], share[4]])
    labels = np.asarray(Image.open(tmp_path / "mask.png"))
    assert (by_class.argmax(axis=0) == labels).mean() > 0.9999
    assert np.abs(by_class.max(axis=0) - scores).max() < 1e-4
    assert result(tmp_path)["outputs"] == {"mask": "mask.png", "overlay": "overlay.png", "logits": "cosines.npy",
                                           "scores": "scores.npy"}
    assert result(tmp_path)["text_bank"] == {"queries": 5, "from_cache": False}


def test_config_brings_classes_and_numbers(tmp_path):
    options = ("segment", CHINA, "--config", "voc21", *BARE, "--short-side", "112", "-q")
    succeed(*options, "-o", tmp_path / "a")
    facts = result(tmp_path / "a")
    assert len(facts["classes"]) == 21 and len(facts["classes"][0]["queries"]) == 26
    numbers = {"config": "voc21", "logit_scale": 65, "prob_thd": 0.1, "area_thd": 0.1}
    assert facts["options"] == facts["options"] | numbers
    # The windows are the published ones, too, not those of the model; what is given counts most.
    assert facts["options"]["short_side"] == 112 and facts["options"]["crop"] == 224 and facts["options"]["stride"] == 112
    # The same classes from the built-in file and from a file on disk.
    succeed(*options, "--classes-file", "voc21.txt", "-o", tmp_path / "b")
    (tmp_path / "mine.txt").write_text("sky\nbuilding, house\r\n")
    succeed(*options, "--classes-file", tmp_path / "mine.txt", "-o", tmp_path / "c")
    assert result(tmp_path / "a")["options_hash"] == result(tmp_path / "b")["options_hash"]
    assert [c["name"] for c in result(tmp_path / "c")["classes"]] == ["sky", "building"]


def test_templates_from_a_file(tmp_path):
    (tmp_path / "templates.txt").write_text("a photo of a {}.\nthe {}.\n")
    succeed("segment", CHINA, "-c", CLASSES, "--no-cache", "--templates", tmp_path / "templates.txt", "-o", tmp_path)
    assert result(tmp_path)["options"]["template_count"] == 2
    assert "{}" in fail("segment", CHINA, "-c", CLASSES, "--templates", CHINA.parent / "ATTRIBUTION.md", "-o", tmp_path)


def test_unknown_words_are_warned_about(tmp_path):
    done = succeed("segment", CHINA, "-c", "sky; quokka", *BARE, "--short-side", "112", "-o", tmp_path)
    assert done.err.count("\n") == 1 and "'quokka' is not among them" in done.err
    assert len(result(tmp_path)["warnings"]) == 1
    assert succeed("segment", CHINA, "-c", "sky; quokka", *BARE, "--short-side", "112", "-q", "-o", tmp_path).err == ""


def test_policies_differ(tmp_path):
    for policy in ("sclip", "clip", "maskclip", "q-only", "k-only"):
        succeed("segment", CHINA, "-c", CLASSES, *BARE, "--policy", policy, "--outputs", "logits", "-o", tmp_path / policy)
    sclip = np.load(tmp_path / "sclip/logits.npy")
    for policy in ("clip", "maskclip", "q-only", "k-only"):
        assert np.abs(np.load(tmp_path / policy / "logits.npy") - sclip).max() > 1e-3


def make_folder(folder, count=3):
    small = Image.open(CHINA).resize((160, 107))
    (folder / "sub").mkdir(parents=True)
    for i in range(count - 1):
        small.rotate(i).save(folder / f"photo{i}.jpg")
    small.save(folder / "sub/photo0.png")
    (folder / "notes.txt").write_text("not a photo")


def test_folder(tmp_path):
    make_folder(tmp_path / "in")
    done = succeed("segment", tmp_path / "in", "-c", CLASSES, *BARE, "-o", tmp_path / "out")
    names = [f"{stem}.{kind}" for stem in ("photo0", "photo1", "sub/photo0")
             for kind in ("mask.png", "overlay.png", "result.json")]
    assert files_in(tmp_path / "out") == sorted(names)
    assert "3 photos" in done.out
    assert len(done.err.splitlines()) == 3 and "[3/3]" in done.err  # no terminal: a line per photo
    # Side by side they come out the same.
    succeed("segment", tmp_path / "in", "-c", CLASSES, *BARE, "--jobs", "2", "-q", "-o", tmp_path / "out2")
    for name in files_in(tmp_path / "out"):
        if name.endswith(".png"):
            assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "out2" / name).read_bytes()


def test_folder_goes_on_after_a_broken_photo(tmp_path):
    make_folder(tmp_path / "in")
    (tmp_path / "in/photo0.jpg").write_bytes(CHINA.read_bytes()[:5000])
    (tmp_path / "in/empty.png").write_bytes(b"")
    done = run("segment", tmp_path / "in", "-c", CLASSES, *BARE, "-o", tmp_path / "out")
    assert done.code == 2
    errors = [line for line in done.err.splitlines() if line.startswith("sclip: ")]
    # Photos are read side by side: the one that fails sooner is told sooner.
    assert len(errors) == 2
    assert sum("empty.png" in e for e in errors) == 1 and sum("photo0.jpg" in e for e in errors) == 1
    assert "2 failed" in done.out
    assert len(files_in(tmp_path / "out")) == 6


def test_resume_does_the_rest_only(tmp_path):
    make_folder(tmp_path / "in", 4)
    options = ("segment", tmp_path / "in", "-c", CLASSES, *BARE, "-o", tmp_path / "out")
    succeed(*options)
    (tmp_path / "out/photo1.result.json").unlink()
    (tmp_path / "out/photo2.mask.png").unlink()
    before = (tmp_path / "out/photo0.result.json").stat().st_mtime_ns
    done = succeed(*options, "--resume")
    assert "2 photos" in done.out and "2 finished before" in done.out
    assert (tmp_path / "out/photo0.result.json").stat().st_mtime_ns == before
    # Other options, or another photo under the name: again.
    assert "0 photos" in succeed(*options, "--resume").out
    assert "4 photos" in succeed(*options, "--resume", "--policy", "clip").out
    Image.open(CHINA).resize((150, 100)).save(tmp_path / "in/photo1.jpg")
    assert "1 photo " in succeed(*options, "--resume", "--policy", "clip").out


def test_photos_of_one_name_do_not_overwrite_each_other(tmp_path):
    make_folder(tmp_path / "in")
    photos = (tmp_path / "in/photo0.jpg", tmp_path / "in/sub/photo0.png")
    succeed("segment", *photos, "-c", CLASSES, *BARE, "-q", "-o", tmp_path / "out")
    assert [n for n in files_in(tmp_path / "out") if "mask" in n] == ["photo0.jpg.mask.png", "photo0.png.mask.png"]


def test_odd_file_names(tmp_path):
    name = "a b\n\x1b[31mü.jpg"
    (tmp_path / name).write_bytes(CHINA.read_bytes())
    done = succeed("segment", tmp_path / name, "-c", CLASSES, *BARE, "-o", tmp_path / "out")
    assert "\x1b" not in done.out
    assert json.loads((tmp_path / "out/result.json").read_text())["photo"]["path"].endswith(name)
    (tmp_path / name).write_bytes(b"")
    assert "ü.jpg" in fail("segment", tmp_path / name, "-c", CLASSES, *BARE, "-o", tmp_path / "out2")


def test_model_from_the_environment(tmp_path):
    missing = fail("segment", CHINA, "-c", CLASSES, "-o", tmp_path, env={"SCLIP_MODEL": "/nowhere/x.sclip"})
    assert "/nowhere/x.sclip" in missing
    tiny = ROOT / "tests/data/goldens/tiny.sclip"
    assert str(tiny) in succeed("info", env={"SCLIP_MODEL": str(tiny)}).out
