"""Class lists at their limits."""
import numpy as np
from cli_support import BARE, CHINA, CLASSES, fail, files_in, pytestmark, result, succeed  # noqa: F401
from PIL import Image

QUICK = (*BARE, "--short-side", "112", "-q")


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


def test_one_class(tmp_path):
    succeed("segment", CHINA, "-c", "sky", *QUICK, "-o", tmp_path)
    assert not np.asarray(Image.open(tmp_path / "mask.png")).any()
    assert result(tmp_path)["classes"][0]["share"] == 1


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
