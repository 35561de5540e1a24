"""Class lists at their limits."""
import json

import numpy as np
import pytest
from cli_support import BARE, CHINA, CLASSES, fail, files_in, pytestmark, result, succeed  # noqa: F401
from PIL import Image

QUICK = (*BARE, "--short-side", "112", "-q")


def classify_json(*arguments):
    return json.loads(succeed("classify", CHINA, *arguments, *BARE, "--json").out)


def refused(tmp_path, *arguments) -> str:
    line = fail("segment", CHINA, *arguments, *QUICK, "-o", tmp_path / "out")
    assert not (tmp_path / "out").exists() or files_in(tmp_path / "out") == []
    return line


def test_no_classes(tmp_path):
    assert "no class" in refused(tmp_path)
    for text in ("", " ", ";", " ; ; "):
        refused(tmp_path, "--classes", text)
    (tmp_path / "none.txt").write_text("")
    assert "none.txt" in refused(tmp_path, "--classes-file", tmp_path / "none.txt")


def test_one_class_is_looked_for_beside_background_words(tmp_path):
    done = succeed("segment", CHINA, "-c", "Sky, water", *QUICK[:-1], "-o", tmp_path)
    background, sky = result(tmp_path)["classes"]
    assert (background["name"], sky["name"]) == ("background", "Sky")
    assert sky["queries"] == ["Sky", "water"]
    # Those of the 26 that the demo model was trained on, less the class's own words.
    assert {"building", "tree"} < set(background["queries"]) and "sky" not in background["queries"]
    assert 0 < sky["share"] < 1 and 0.5 < sky["mean_score"] < 1
    labels = np.asarray(Image.open(tmp_path / "mask.png"))
    assert set(np.unique(labels)) == {0, 1}
    assert "not among them" not in done.err
    assert [line for line in done.err.splitlines() if "'Sky' is the only class" in line and "--no-background" in line]


def test_one_class_alone(tmp_path):
    done = succeed("segment", CHINA, "-c", "sky", "--no-background", *QUICK[:-1], "--outputs", "mask,json,logits", "-o", tmp_path)
    assert not np.asarray(Image.open(tmp_path / "mask.png")).any()
    (sky,) = result(tmp_path)["classes"]
    assert (sky["share"], sky["mean_score"]) == (1, 1)
    assert "every score of a softmax over one is 1" in done.err
    assert np.load(tmp_path / "logits.npy").std() > 0.01  # the cosines do tell
    # Nothing to add: the class is the background itself.
    assert [c["name"] for c in classify_json("-c", "background", "--top", "0")["classes"]] == ["background"]


def test_one_class_of_classify():
    facts = classify_json("-c", "building", "--top", "0")
    assert {c["name"] for c in facts["classes"]} == {"background", "building"}
    assert all(0 < c["probability"] < 1 for c in facts["classes"])
    assert any("only class" in w for w in facts["warnings"])
    assert classify_json("-c", "building", "--no-background")["classes"] == [{"id": 0, "name": "building", "probability": 1.0}]


def test_duplicate_classes(tmp_path):
    assert "sky" in refused(tmp_path, "-c", "sky; tree; sky")
    (tmp_path / "twice.txt").write_text("sky\ntree\nsky\n")
    line = refused(tmp_path, "--classes-file", tmp_path / "twice.txt")
    assert "twice.txt" in line and "3" in line


def test_a_name_of_200_tokens(tmp_path):
    name = "very " * 199 + "sky"
    assert "77" in refused(tmp_path, "-c", f"{name}; tree")
    succeed("segment", CHINA, "-c", f"{name}; tree", "--truncate", *QUICK, "-o", tmp_path / "cut")
    assert len(result(tmp_path / "cut")["classes"]) == 2


def test_a_thousand_classes(tmp_path):
    names = [f"thing {i}" for i in range(997)] + ["sky", "tree", "building"]
    (tmp_path / "many.txt").write_text("\n".join(names))
    succeed("segment", CHINA, "--classes-file", tmp_path / "many.txt", *QUICK, "-o", tmp_path / "out")
    mask = Image.open(tmp_path / "out/mask.png")
    assert mask.mode in ("I;16", "I")
    labels = np.asarray(mask)
    assert labels.max() < 1000 and labels.max() > 255
    counts = np.bincount(labels.ravel(), minlength=1000)
    assert [c["pixels"] for c in result(tmp_path / "out")["classes"]] == counts.tolist()


def test_odd_names(tmp_path):
    names = "sky; ciel, небо; 空; tree 🌳; a\x01b"
    succeed("segment", CHINA, "-c", names, *QUICK, "-o", tmp_path)
    assert [c["name"] for c in result(tmp_path)["classes"]][1:4] == ["ciel", "空", "tree 🌳"]


def classify(*arguments, **options):
    done = succeed("classify", CHINA, *arguments, *BARE, "--json", "--top", "0", **options)
    names = [c["name"] for c in sorted(json.loads(done.out)["classes"], key=lambda c: c["id"])]
    return names, [line for line in done.err.splitlines() if "not among them" not in line]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])  # the last writes a mark
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_that_are_read(tmp_path, encoding, end):
    (tmp_path / "c.txt").write_bytes(end.join(["# words", "sky", "", "Bäume = tree, wood", '"a, b"']).encode(encoding))
    names, warnings = classify("--classes-file", tmp_path / "c.txt")
    assert names == ["sky", "Bäume", "a, b"]
    assert len(warnings) == (end == "\r") and all("c.txt, line 1" in w and "CR" in w for w in warnings)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le", "utf-16-be", "utf-32"])
def test_encodings_that_are_refused(tmp_path, encoding):
    (tmp_path / "c.txt").write_bytes("sky\nBäume\n".encode(encoding))
    line = fail("classify", CHINA, "--classes-file", tmp_path / "c.txt", *BARE)
    assert "c.txt, line " in line and "byte" in line and "UTF-8" in line
    (tmp_path / "t.txt").write_bytes("ein {}\nein schöner {}\n".encode(encoding))
    line = fail("classify", CHINA, "-c", "sky", "--templates", tmp_path / "t.txt", "--no-cache")
    assert "t.txt, line " in line and "byte" in line


def test_what_may_be_meant_otherwise_is_said_and_kept(tmp_path):
    (tmp_path / "c.txt").write_text("sky\nbuilding,house\ntree; water\n")
    done = succeed("segment", CHINA, "--classes-file", tmp_path / "c.txt", *QUICK[:-1], "-o", tmp_path / "out")
    said = [w for w in result(tmp_path / "out")["warnings"] if "c.txt, line " in w]
    assert ["line 2" in said[0], "line 3" in said[1], len(said)] == [True, True, 2]
    assert all(f"sclip: warning: {w}" in done.err.splitlines() for w in said)


def test_a_name_to_show_apart_from_its_words(tmp_path):
    for words, folder in (("sky; house, temple; tree", "plain"), ('"up, above" = sky; house, temple; tree', "shown")):
        succeed("segment", CHINA, "-c", words, *QUICK, "--outputs", "json,mask,logits,per-class", "-o", tmp_path / folder)
    plain, shown = (result(tmp_path / f)["classes"] for f in ("plain", "shown"))
    assert [c["name"] for c in shown] == ["up, above", "house", "tree"]
    assert [c["queries"] for c in shown] == [c["queries"] for c in plain]
    assert (tmp_path / "plain/logits.npy").read_bytes() == (tmp_path / "shown/logits.npy").read_bytes()
    assert "per-class/0-up-above.png" in files_in(tmp_path / "shown")


def test_the_first_class_of_background_words_is_called_so():
    for name in ("voc21", "coco_object", "context60"):
        assert classify("--classes-file", name)[0][0] == "background"


def test_a_folder_does_not_hide_a_built_in_list_but_a_file_does(tmp_path):
    (tmp_path / "voc20").mkdir()
    names, warnings = classify("--classes-file", "voc20", cwd=tmp_path)
    assert len(names) == 20 and warnings == []
    (tmp_path / "voc21").write_text("sky\ntree\n")
    names, warnings = classify("--classes-file", "voc21", cwd=tmp_path)
    assert names == ["sky", "tree"]
    assert len(warnings) == 1 and "voc21" in warnings[0] and "built-in" in warnings[0]
    assert classify("--classes-file", "./voc21", cwd=tmp_path) == (["sky", "tree"], [])
    (tmp_path / "words").mkdir()
    assert "words" in fail("classify", CHINA, "--classes-file", "words", cwd=tmp_path)


@pytest.mark.parametrize("arguments, meant", [
    (("--classes-file", "cityscape"), "cityscapes"), (("--classes-file", "VOC21.txt"), "voc21"), (("--config", "ade2ok"), "ade20k"),
    (("--policy", "slcip"), "sclip"), (("--outputs", "mask,jsn"), "json"), (("--refine", "pmar"), "pamr"),
    (("--precision", "fp16"), "f16"), (("--device", "cdua"), "cuda")])
def test_near_misses_are_answered_with_what_was_meant(tmp_path, arguments, meant):
    words = () if "--classes-file" in arguments else ("-c", "sky; tree")
    line = fail("segment", CHINA, *words, *arguments, *BARE, "-o", tmp_path)
    assert f"did you mean '{meant}'?" in line


@pytest.mark.parametrize("arguments, meant", [
    (("segmnet", CHINA), "segment"), (("segment", CHINA, "--clases", "sky"), "--classes"),
    (("segment", CHINA, "--output=mask"), "--outputs"), (("classify", CHINA, "-c", "sky", "--jsno"), "--json")])
def test_near_misses_of_subcommands_and_options(arguments, meant):
    assert f"did you mean '{meant}'?" in fail(*arguments)


def test_a_word_that_is_near_nothing_gets_no_advice():
    assert "did you mean" not in fail("segment", CHINA, "-c", "sky", "--photographs")


def test_marks_of_clip_are_no_words(tmp_path):
    for mark in ("<|endoftext|>", "<start_of_text>", "&lt;End_Of_Text&gt;"):
        (tmp_path / "c.txt").write_text(f"sky\na {mark} tree\n")
        assert "c.txt, line 2" in fail("classify", CHINA, "--classes-file", tmp_path / "c.txt", *BARE)
