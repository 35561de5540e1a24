"""`sclip explain` as a person uses it: pictures pixel by pixel, the table, and what it refuses."""
import cv2
import numpy as np
import pytest
from cli_support import CHINA, fail, files_in, pytestmark, run, succeed  # noqa: F401
from PIL import Image

QUICK = ("--templates", "none", "--no-cache", "--precision", "f32")
CLASSES = ("-c", "sky; building, house; tree; water")
INFERNO = cv2.applyColorMap(np.arange(256, dtype=np.uint8)[None], cv2.COLORMAP_INFERNO)[0][:, ::-1].astype(int)  # OpenCV's own table
PALETTE = [(66, 133, 244), (234, 79, 64)]
PATCH, HEADS = 8, 5  # of the bundled model
MARGIN, TITLE, NOTE, BAR, LABELS = 12, 24, 20, 14, 78  # pixels of the sheet's layout


def facts_of(folder) -> dict:
    import json
    return json.loads((folder / "explain.json").read_text())


def cell_photo(width: int, height: int) -> np.ndarray:
    """china.jpg, each pixel the mean of those that it covers: (height, width, 3)"""
    photo = np.asarray(Image.open(CHINA).convert("RGB")).astype(int)
    rows = [i * photo.shape[0] // height for i in range(height + 1)]
    columns = [i * photo.shape[1] // width for i in range(width + 1)]
    out = np.empty((height, width, 3), int)
    for y in range(height):
        band = photo[rows[y]:max(rows[y + 1], rows[y] + 1)]
        for x in range(width):
            box = band[:, columns[x]:max(columns[x + 1], columns[x] + 1)].reshape(-1, 3)
            out[y, x] = (box.sum(0) + len(box) // 2) // len(box)
    return out


def cells(picture: np.ndarray, columns: int, rows: int, width: int, height: int) -> list[np.ndarray]:
    assert picture.shape == (2 * MARGIN + rows * (TITLE + height + NOTE), MARGIN + columns * (width + MARGIN) + BAR + LABELS, 3)
    return [picture[MARGIN + TITLE + r * (TITLE + height + NOTE):][:height, MARGIN + c * (width + MARGIN):][:, :width]
            for r in range(rows) for c in range(columns)]


def expected_cell(photo: np.ndarray, share: np.ndarray) -> np.ndarray:
    """A value's colour with 2/3 on the grey photo; without a value (NaN) the photo darkened."""
    grey = (photo @ [299, 587, 114] + 500) // 1000
    color = INFERNO[np.rint(np.nan_to_num(share) * 255).astype(int)]
    return np.where(np.isnan(share)[..., None], photo // 2, (grey[..., None] + 2 * color + 1) // 3)


def away_from(points, width: int, height: int) -> np.ndarray:
    """Pixels that no marker reaches."""
    y, x = np.mgrid[:height, :width]
    return np.all([np.hypot(x - px, y - py) > max(5, max(width, height) // 50) for px, py in points], axis=0)


def check_bar(picture: np.ndarray, columns: int, width: int, height: int) -> None:
    bar = picture[MARGIN + TITLE:][:height, MARGIN + columns * (width + MARGIN):][:, :BAR].astype(int)
    assert (bar == bar[:, :1]).all()
    assert (bar[0, 0] == INFERNO[255]).all() and (bar[-1, 0] == INFERNO[0]).all()
    expected = INFERNO[np.rint((1 - np.arange(height) / (height - 1)) * 255).astype(int)]
    assert np.abs(bar[:, 0] - expected).max() <= 6  # one step of the table


@pytest.mark.parametrize("crop", [0, 112])
def test_the_picture_is_the_map_over_the_photo(crop, tmp_path):
    points, w, h = [(320, 150), (600, 400)], 320, 214
    succeed("explain", CHINA, *[f for x, y in points for f in ("--point", f"{x},{y}")], "--policy", "clip,sclip", "--crop", crop, "--cell", w,
            "--arrays", "-o", tmp_path, *QUICK)
    assert files_in(tmp_path) == ["explain.json", "maps.npy", "maps.png"]
    picture, maps, facts = np.asarray(Image.open(tmp_path / "maps.png")), np.load(tmp_path / "maps.npy"), facts_of(tmp_path)
    assert facts["photo"] == {"path": str(CHINA), "width": 640, "height": 427} and facts["map"] == "attention"
    photo = cell_photo(w, h)
    found = cells(picture, 2, 2, w, h)
    # Middles of the cell's pixels, in the resized photo.
    resized = facts["maps"][0]["points"][0]["resized"]
    x, y = (np.arange(w) + 0.5) * resized["width"] / w, (np.arange(h) + 0.5) * resized["height"] / h
    darkened = 0
    for i, point in enumerate(points):
        for c, column in enumerate(facts["maps"]):
            where, values = column["points"][i], maps[c, i].astype(np.float64)
            window, grid = where["window"], where["grid"]
            share = (values - values.min()) / (values.max() - values.min())
            u = np.clip((x - window["x"]) / PATCH - 0.5, 0, grid["width"] - 1)
            v = np.clip((y - window["y"]) / PATCH - 0.5, 0, grid["height"] - 1)
            left, top = np.minimum(u.astype(int), grid["width"] - 2), np.minimum(v.astype(int), grid["height"] - 2)
            along = share[:, left] * (1 - (u - left)) + share[:, left + 1] * (u - left)
            heat = along[top] * (1 - (v - top))[:, None] + along[top + 1] * (v - top)[:, None]
            inside = ((y >= window["y"]) & (y < window["y"] + window["height"]))[:, None] & (
                (x >= window["x"]) & (x < window["x"] + window["width"]))[None]
            heat[~inside] = np.nan
            darkened += np.count_nonzero(~inside)
            cell = found[2 * i + c].astype(int)
            marker = ((point[0] + 0.5) * w / 640, (point[1] + 0.5) * h / 427)
            free = away_from([marker], w, h)
            # A value on the edge between two colours of the table may fall either way.
            assert np.abs(cell - expected_cell(photo, heat))[free].max() <= 6
            assert np.abs(cell - expected_cell(photo, heat))[free].mean() <= 0.1
            assert tuple(cell[int(marker[1]), int(marker[0])]) == PALETTE[i]
    assert (darkened > 0) == (crop > 0)
    check_bar(picture, 2, w, h)


def test_maps_of_words_share_their_colours(tmp_path):
    w, h = 240, 160
    run_it = succeed("explain", CHINA, "--words", "--cell", w, "--point", "300,200", *CLASSES, "-o", tmp_path / "explain", *QUICK)
    succeed("segment", CHINA, *CLASSES, "--outputs", "mask,json,logits", "-o", tmp_path / "segment", *QUICK)
    logits = np.load(tmp_path / "segment/logits.npy").astype(np.float64)
    facts = facts_of(tmp_path / "explain")
    assert [m["word"] for m in facts["word_maps"]] == ["sky", "building", "house", "tree", "water"]
    picture = np.asarray(Image.open(tmp_path / "explain/words.png"))
    y, x = ((np.arange(h) + 0.5) * 427 / h).astype(int), ((np.arange(w) + 0.5) * 640 / w).astype(int)
    free = away_from([(300.5 * w / 640, 200.5 * h / 427)], w, h)
    photo = cell_photo(w, h)
    for cell, plane in zip(cells(picture, 4, 2, w, h), logits):
        heat = (plane[y[:, None], x] - logits.min()) / (logits.max() - logits.min())
        assert np.abs(cell.astype(int) - expected_cell(photo, heat))[free].max() <= 6
    check_bar(picture, 4, w, h)
    # The table tells what the JSON file does.
    listed = facts["words"][0]["points"][0]
    rows = [line.split() for line in run_it.out.splitlines() if line.startswith("  ") or line.split()[:1] in [[w["word"]] for w in listed]]
    shown = {row[0]: row[1:] for row in rows}
    for word in listed:
        assert shown[word["word"]] == [word["class"], f"{word['cosine']:.4f}", f"{word['score']:.3f}"]
    assert listed[0]["cosine"] == logits[:, 200, 300].max()


def test_blocks_and_policies_stand_side_by_side(tmp_path):
    succeed("explain", CHINA, "--point", "320,150", "--block", "1,3,6", "--policy", "clip,naclip:sigma=3", "-o", tmp_path, *QUICK)
    assert [(c["title"], c["policy"], c["block"]) for c in facts_of(tmp_path)["maps"]] == [
        ("block 1", None, 1), ("block 3", None, 3), ("clip", "clip", 6), ("naclip:sigma=3", "naclip:sigma=3", 6)]
    succeed("explain", CHINA, "--point", "320,150", "--head", "each", "--policy", "sclip", "-o", tmp_path, *QUICK)
    assert [(c["title"], c["head"]) for c in facts_of(tmp_path)["maps"]] == [(f"sclip, head {i}", i) for i in range(1, HEADS + 1)]


def test_many_words_get_the_best_maps(tmp_path):
    done = succeed("explain", CHINA, "--words", "--config", "voc21", "--cell", 64, "-o", tmp_path, *QUICK, "--policy", "clip")
    maps = facts_of(tmp_path)["word_maps"]
    assert len(maps) == 36 and "36 with the highest cosines" in done.err
    assert [m["highest"] for m in maps] == sorted((m["highest"] for m in maps), reverse=True)
    assert files_in(tmp_path) == ["explain.json", "words.png"]


@pytest.mark.parametrize("flags, words", [
    ([], ["nothing to explain", "--point X,Y", "--words"]),
    (["--point", "320"], ["'320' is no point", "X,Y"]),
    (["--point", "1,2,3"], ["'1,2,3' is no point"]),
    (["--point", "640,0"], ["640,0 lies outside the photo", "0 to 639", "0 to 426"]),
    (["--point=-1,5"], ["-1,5 lies outside the photo"]),
    (["--point", "1,1", "--block", "7"], ["no block 7", "has 6"]),
    (["--point", "1,1", "--block", "0"], ["no block 0", "counted from 1"]),
    (["--point", "1,1", "--head", str(HEADS + 1)], [f"no head {HEADS + 1}", f"has {HEADS}"]),
    (["--point", "1,1", "--head", "0"], ["--head '0'", "mean, each"]),
    (["--point", "1,1", "--head", "all"], ["--head 'all'", "mean, each"]),
    (["--point", "1,1", "--map", "heat"], ["no map 'heat'", "attention or features"]),
    (["--point", "1,1", "--map", "features", "--head", "1"], ["no heads", "--head"]),
    (["--point", "1,1", "--map", "features", "--block", "3"], ["takes no block"]),
    (["--point", "1,1", "--policy", "clip,,sclip"], ["missing between two commas"]),
    (["--point", "1,1", "--policy", "clop"], ["no policy 'clop'", "clip"]),
    (["--words"], ["no classes"]),
])
def test_refusals(flags, words, tmp_path):
    message = fail("explain", CHINA, *flags, "-o", tmp_path, *QUICK)
    for word in words:
        assert word in message
    assert files_in(tmp_path) == []


def test_every_policy_shows_its_attention_or_says_that_it_cannot(tmp_path):
    listed = fail("explain", CHINA, "--point", "1,1", "--policy", "?", "-o", tmp_path, *QUICK).split("use one of ")[1].split(", ")
    assert {"clip", "sclip", "naclip"} <= set(listed)
    shown = set()
    for policy in set(listed) - {"learned"}:  # which reads a file
        common = ["explain", CHINA, "--point", "300,200", "--policy", policy, "--cell", 32, "--short-side", 112, *CLASSES, "-o", tmp_path,
                  *QUICK]
        succeed(*common, "--map", "features")
        done = run(*common)
        if done.code == 0:
            shown.add(policy)
        else:
            assert done.code == 2 and f"policy {policy} has no single attention map" in done.err, done.err
    assert {"clip", "sclip", "maskclip", "q-only", "k-only", "clearclip", "naclip"} <= shown


def test_files_that_sclip_did_not_write_stay(tmp_path):
    (tmp_path / "maps.png").write_bytes(CHINA.read_bytes())
    common = ["explain", CHINA, "--point", "1,1", "--cell", 64, "-o", tmp_path, *QUICK]
    assert "sclip did not write it" in fail(*common)
    assert files_in(tmp_path) == ["maps.png"]
    succeed(*common, "--overwrite", "--arrays")
    succeed(*common)  # its own
    assert "maps.npy" in fail(*common, "--arrays")  # which says of itself nothing
    copy = tmp_path / "explain.json"
    copy.write_bytes(CHINA.read_bytes())
    assert "reads" in fail("explain", copy, "--point", "1,1", "--overwrite", "-o", tmp_path, *QUICK)


def test_a_photo_of_one_pixel_and_standard_input(tmp_path):
    Image.new("RGB", (1, 1), (90, 120, 30)).save(tmp_path / "pixel.png")
    succeed("explain", tmp_path / "pixel.png", "--point", "0,0", "--cell", 40, "-o", tmp_path / "one", *QUICK)
    assert np.asarray(Image.open(tmp_path / "one/maps.png")).shape[0] == 2 * MARGIN + TITLE + 40 + NOTE
    import subprocess

    from cli_support import SCLIP
    done = subprocess.run([SCLIP, "explain", "-", "--point", "3,4", "-o", tmp_path / "piped", "--templates", "none"],
                          input=CHINA.read_bytes(), capture_output=True)
    assert done.returncode == 0, done.stderr
    assert facts_of(tmp_path / "piped")["photo"]["width"] == 640
