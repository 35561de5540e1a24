"""`sclip classify` and `embed` on several photos, folders, lists, and texts from a file."""
import json
import subprocess

import numpy as np
import pytest
from cli_support import BARE, CHINA, CLASSES, SCLIP, fail, files_in, pytestmark, run, succeed  # noqa: F401
from PIL import Image


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "photos"
    (path / "deep").mkdir(parents=True)
    for name, size in (("b.png", (96, 64)), ("a.jpg", (64, 96)), ("deep/c.png", (80, 80))):
        Image.open(CHINA).resize(size).save(path / name)
    return path


class TestClassify:
    def test_a_folder_gives_json_lines_in_listed_order(self, folder):
        out = succeed("classify", folder, "-c", CLASSES, *BARE, "--json").out
        lines = [json.loads(line) for line in out.splitlines()]
        assert [line["photo"] for line in lines] == [str(folder / n) for n in ("a.jpg", "b.png", "deep/c.png")]
        for line in lines:
            alone = json.loads(succeed("classify", line["photo"], "-c", CLASSES, *BARE, "--json").out)
            assert alone == line
        tables = succeed("classify", folder / "b.png", folder / "a.jpg", "-c", CLASSES, *BARE, "--top", "1").out
        assert tables.splitlines()[0] == str(folder / "b.png") and tables.count("probability") == 2

    def test_lists_and_standard_input(self, folder, tmp_path):
        (tmp_path / "list").write_text(f"{folder}/b.png\n{folder}/deep\n")
        out = succeed("classify", "--files-from", tmp_path / "list", "-c", CLASSES, *BARE, "--json").out
        assert [json.loads(line)["photo"] for line in out.splitlines()] == [f"{folder}/b.png", f"{folder}/deep/c.png"]
        with open(folder / "b.png", "rb") as stream:
            done = subprocess.run([SCLIP, "classify", "-", "-c", CLASSES, *BARE, "--json"], stdin=stream, capture_output=True, check=True)
        assert json.loads(done.stdout)["photo"] == "-"

    def test_a_bad_photo_does_not_end_the_run(self, folder):
        (folder / "b.png").write_bytes(b"no picture")
        done = run("classify", folder, "-c", CLASSES, *BARE, "--json")
        assert done.code == 2 and len(done.out.splitlines()) == 2
        assert "b.png" in done.err and done.err.count("\n") == 1
        assert "no photo" in fail("classify", "-c", CLASSES, *BARE)


class TestEmbed:
    def test_rows_in_listed_order_with_their_names(self, folder, tmp_path):
        succeed("embed", "--image", folder, "--image", CHINA, "-o", tmp_path / "all.npy", "--names", tmp_path / "all.txt")
        rows, names = np.load(tmp_path / "all.npy"), (tmp_path / "all.txt").read_text().splitlines()
        assert names == [str(folder / n) for n in ("a.jpg", "b.png", "deep/c.png")] + [str(CHINA)]
        assert rows.shape == (4, 256)
        for row, name in zip(rows, names):
            succeed("embed", "--image", name, "-o", tmp_path / "one.npy", "--overwrite")
            assert np.array_equal(np.load(tmp_path / "one.npy")[0], row)
        (tmp_path / "list").write_text("\n".join(reversed(names)))
        succeed("embed", "--files-from", tmp_path / "list", "-o", tmp_path / "reversed.npy")
        assert np.array_equal(np.load(tmp_path / "reversed.npy"), rows[::-1])

    def test_texts_from_a_file(self, tmp_path):
        (tmp_path / "texts").write_bytes("\ufeffa photo of a sky\r\n\ntree\n空".encode())
        succeed("embed", "--texts-from", tmp_path / "texts", "-o", tmp_path / "f.npy", "--names", tmp_path / "f.txt")
        assert (tmp_path / "f.txt").read_text() == "a photo of a sky\ntree\n空\n"
        succeed("embed", "--text", "a photo of a sky", "--text", "tree", "--text", "空", "-o", tmp_path / "t.npy")
        assert np.array_equal(np.load(tmp_path / "f.npy"), np.load(tmp_path / "t.npy"))
        subprocess.run([SCLIP, "embed", "--text", "tree", "--texts-from", "-", "-o", tmp_path / "both.npy"], input=b"sky\n", check=True,
                       capture_output=True)
        assert np.load(tmp_path / "both.npy").shape[0] == 2

    def test_refusals_leave_nothing(self, folder, tmp_path):
        (tmp_path / "empty").write_text("\n")
        out = tmp_path / "out"
        assert "nothing in" in fail("embed", "--texts-from", tmp_path / "empty", "-o", out / "x.npy")
        assert "not both" in fail("embed", "--texts-from", tmp_path / "empty", "--image", CHINA, "-o", out / "x.npy")
        assert "exactly one" in fail("embed", "--image", folder, "--dense", "-o", out / "x.npy")
        assert "cannot both" in fail("embed", "--text", "a", "-o", out / "x.npy", "--names", out / "x.npy")
        (folder / "b.png").write_bytes(b"no picture")
        assert "b.png" in fail("embed", "--image", folder, "-o", out / "x.npy", "--names", out / "x.txt")
        assert "this run reads" in fail("embed", "--image", CHINA, "-o", out / "x.npy", "--names", CHINA, "--overwrite")
        assert files_in(out) == []
        (tmp_path / "notes.txt").write_text("mine")
        assert "--overwrite" in fail("embed", "--text", "a", "-o", out / "x.npy", "--names", tmp_path / "notes.txt")
