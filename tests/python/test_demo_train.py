"""The recipe of the demo model: words of crops, and a dry run from pictures to masks."""
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import convert_support
from cli_support import SCLIP

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "weights/demo/train"
sys.path.insert(0, str(RECIPE))
from demo_train import by_hand, sources, views, vocabulary  # noqa: E402
from demo_train.photos import Photo  # noqa: E402


def test_the_vocabulary_has_each_word_once_and_what_is_sampled_more_often():
    words = vocabulary.read_vocabulary()
    config = tomllib.loads((RECIPE / "config.toml").read_text())
    assert len(words) >= 60
    assert set(config["views"]["emphasised"]) <= set(words.names)
    assert words.of_set("vegetation") == words.names.index("tree") and words.of_set("background") is None
    with pytest.raises(ValueError, match="'gizmo' is not in words.txt"):
        words.of_set("gizmo")


def test_words_by_hand_are_words_of_the_model():
    words = vocabulary.read_vocabulary()
    rows = by_hand.read_by_hand()
    assert len(rows) > 500
    for bands in rows.values():
        by_hand.lay_bands(bands, np.full((12, 16), sources.UNKNOWN, np.uint8), words)
    cow = np.full((4, 4), sources.UNKNOWN, np.uint8)
    cow[2:, :2] = words.names.index("cow")
    grid, found = by_hand.lay_bands("sky/?/tree,person/grass", cow, words)
    sky, grass, tree, person = (words.names.index(name) for name in ("sky", "grass", "tree", "person"))
    assert grid.tolist() == [[sky] * 4, [255] * 4, [words.names.index("cow")] * 2 + [255] * 2, [words.names.index("cow")] * 2 + [grass] * 2]
    assert found == [sky, tree, person, grass]


OPTIONS = {"photos": {"cell": 4}, "model": {"image_size": 32, "patch": 8},
           "views": {"batch": 4, "smallest": 0.25, "boxes": 2, "box_sides": [2, 3], "dominant": 0.65, "present": 0.15, "trace": 0.02,
                     "seek_dominant": 0.5, "emphasised_factor": 1.0, "emphasised": []}}


def half_sky(width=64, height=64):
    """Left three quarters class 0, the rest class 1; class 2 is never there, class 3 nobody looked for."""
    grid = np.zeros((height // 4, width // 4), np.uint8)
    grid[:, 12:] = 1
    return Photo(np.zeros((height, width, 3), np.uint8), grid, [], np.array([True, True, True, False]))


def test_a_crop_has_the_words_of_what_covers_it():
    photo = half_sky()
    cut = views.Views([photo], ["a", "b", "c", "d"], OPTIONS, 1)
    words, silent, dominant, valid = cut.words(photo, 0, 0, 64, 64, whole=True)  # 75% and 25%
    assert words.tolist() == [1, 0, 0, 0] and dominant and valid
    assert silent.tolist() == [False, True, False, True]  # b is there, d may be; c is absent
    words, silent, dominant, valid = cut.words(photo, 32, 0, 32, 64, whole=False)  # half and half
    assert words.tolist() == [1, 1, 0, 0] and not dominant and valid and silent.tolist() == [False, False, False, True]
    unseen = Photo(photo.pixels, np.full_like(photo.grid, sources.UNKNOWN), [], photo.absent_known)
    assert not cut.words(unseen, 0, 0, 64, 64, whole=False)[3]


def test_crops_in_a_view_have_the_words_of_their_place():
    """A bright left part and a dark right one: a crop called 'a' holds bright pixels only, mirrored or not."""
    photo = half_sky()
    photo.pixels[:, :48] = 255
    cut = views.Views([photo], ["a", "b", "c", "d"], OPTIONS, 3)
    checked = 0
    for number in range(16):
        batch = cut(number)
        bright = batch.pixels[..., 0].reshape(4, 4, 8, 4, 8).mean((2, 4)).reshape(4, 1, 16) > 127
        for part, expected in ((0, True), (1, False)):
            alone = (batch.words[..., part] == 1) & batch.dominant
            share = (batch.inside & (bright == expected)).sum(-1) / batch.inside.sum(-1)
            assert (share[alone] >= 0.5).all()  # 65% of it, at the grain of patches
            checked += alone.sum()
    assert checked > 100
    again = views.Views([photo], ["a", "b", "c", "d"], OPTIONS, 3)(7)
    assert all((a == b).all() for a, b in zip(vars(again).values(), vars(cut(7)).values(), strict=True))


def dry_run(out, *arguments):
    run = subprocess.run([sys.executable, "-m", "demo_train", "--dry-run", "--out", str(out), *arguments], capture_output=True, text=True,
                         env=os.environ | {"PYTHONPATH": str(RECIPE), "OMP_WAIT_POLICY": "passive"})
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a short dry run, which was interrupted once."""
    folder = tmp_path_factory.mktemp("dry")
    assert "the same command goes on" in dry_run(folder / "demo.pt", "--stop-after", "20", "--set", "run.workers=0")
    assert "goes on at step 20" in dry_run(folder / "demo.pt", "--set", "run.workers=0")
    return folder


def test_a_dry_run_learns_to_segment(trained, sclip):
    """Trained on words of crops of made-up pictures, the model tells sky, building, tree and grass of others apart in the engine."""
    known = (trained / "demo.words").read_text().strip()
    run = convert_support.convert("--from", "openai", trained / "demo.pt", "-o", trained / "demo.sclip", "--name", "dry", "--crop", 48,
                                  "--stride", 24, "--short-side", 96, "--known-words", known)
    assert run.returncode == 0, run.stderr
    measured = subprocess.run([SCLIP, "eval", "--dataset", "folder", "--root", trained / "demo-work/made/test", "--model", trained / "demo.sclip",
                               "--pictures", "0", "--no-cache", "-o", trained / "report"], capture_output=True, text=True)
    assert measured.returncode == 0, measured.stderr
    cell = json.loads((trained / "report/report.json").read_text())["data_sets"][0]["results"][0]
    assert cell["mean_iou"] > 0.6, cell["classes"]  # all sky, the largest class, is 0.1


def test_the_curve_is_there(trained):
    work = trained / "demo-work"
    rows = [row.split("\t") for row in (work / "losses.tsv").read_text().splitlines()]
    patches = [float(value) for _, name, value in rows if name == "patches"]
    assert len(patches) >= 4 and patches[-1] < 0.7 * patches[0]
    assert (work / "losses.svg").read_text().startswith("<svg")
    assert re.search(r"step \d+ of \d+ .*views/s +\d+ min left", (work / "log.txt").read_text())
