"""`sclip eval`: its counts and measures against torchmetrics and mmsegmentation's formulas, and what a person does to a long run.

The masks are made here: blocks of random classes, with pixels that do not count. What sclip says of a photo comes from
`sclip segment`, another path through the program, and is counted by numpy.
"""
import csv
import json
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from cli_support import BARE, CHINA, ROOT, SCLIP, fail, files_in, pytestmark, run, succeed  # noqa: F401
from PIL import Image

NAMES = ["sky", "building", "tree", "water", "person"]
VOID = 255
FLOWER = ROOT / "tests/data/photos/flower.jpg"
FAST = (*BARE, "--precision", "f32", "--short-side", "112", "--crop", "112")
CAMVID = ROOT.parent / "shared/data/camvid"
RESULTS_PAGE = ROOT / "docs/results.md"


def random_mask(rng, width, height, numbers):
    blocks = rng.choice(numbers, size=(height // 16 + 1, width // 16 + 1))
    return np.kron(blocks, np.ones((16, 16), np.uint8))[:height, :width].astype(np.uint8)


def save_mask(mask, path):
    """An indexed PNG whose palette has nothing to do with the numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(mask, "P")
    picture.putpalette([7] * 768)
    picture.save(path)


def make_set(folder: Path, photos=6, names=NAMES) -> dict[str, np.ndarray]:
    """images/, masks/ and classes.txt; returns the masks."""
    rng = np.random.default_rng(11)
    (folder / "images").mkdir(parents=True)
    (folder / "classes.txt").write_text("\n".join(names) + "\n")
    masks = {}
    for i in range(photos):
        width, height = [(96, 80), (80, 96), (130, 90)][i % 3]
        source = Image.open(CHINA if i % 2 else FLOWER)
        x, y = int(rng.integers(0, source.width - 300)), int(rng.integers(0, source.height - 300))
        name = f"p{i:02}"
        source.crop((x, y, x + 300, y + 300)).resize((width, height)).save(folder / f"images/{name}.png")
        masks[name] = random_mask(rng, width, height, [*range(len(names) - 1), VOID])  # the last class never is
        save_mask(masks[name], folder / f"masks/{name}.png")
    return masks


def predictions(folder: Path, out: Path, *options) -> dict[str, np.ndarray]:
    succeed("segment", folder / "images", "--classes-file", folder / "classes.txt", "--outputs", "grey", "-o", out, "-q", *options)
    return {p.name.split(".")[0]: np.array(Image.open(p)) for p in out.glob("*.grey.png")}


def confusion(masks, predicted, classes) -> np.ndarray:
    out = np.zeros((classes, classes), np.int64)
    for name, mask in masks.items():
        keep = mask != VOID
        np.add.at(out, (mask[keep], predicted[name][keep]), 1)
    return out


def report(out: Path) -> dict:
    return json.loads((out / "report.json").read_text())


def results(out: Path, data_set=0) -> dict[tuple[str, str], dict]:
    return {(r["policy"], r["refine"]): r for r in report(out)["data_sets"][data_set]["results"]}


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labelled")
    return folder, make_set(folder)


@pytest.fixture(scope="module")
def evaluated(labelled, tmp_path_factory):
    out = tmp_path_factory.mktemp("evaluated") / "out"
    succeed("eval", "--dataset", "folder", "--root", labelled[0], "--policy", "sclip,clip", "--refine", "none,pamr", "-o", out, *FAST)
    return out


WAYS = [("sclip", "none"), ("clip", "none"), ("sclip", "pamr")]


@pytest.mark.parametrize("policy, refine", WAYS)
def test_every_pixel_is_counted_once(labelled, evaluated, tmp_path, policy, refine):
    folder, masks = labelled
    predicted = predictions(folder, tmp_path / "out", "--policy", policy, "--refine", refine, *FAST)
    expected = confusion(masks, predicted, len(NAMES))
    measured = results(evaluated)[policy, refine]
    found = np.array(measured["confusion"])
    assert found.shape == (len(NAMES), len(NAMES) + 1)
    assert np.array_equal(found[:, :-1], expected) and not found[:, -1].any()
    assert measured["pixels"] == expected.sum() == sum((m != VOID).sum() for m in masks.values())


def measures_of_mmsegmentation(masks, predicted, classes):
    """IoUMetric.intersect_and_union and total_area_to_metrics (mmsegmentation 1.x), from their definition: histograms of the
    pixels that are not ignored, summed over the set."""
    import torch
    total = [torch.zeros(classes, dtype=torch.float64) for _ in range(4)]
    for name, mask in masks.items():
        label, said = torch.from_numpy(mask.astype(np.int64)), torch.from_numpy(predicted[name].astype(np.int64))
        said, label = said[label != VOID], label[label != VOID]
        both = said[said == label]
        areas = [torch.histc(t.float(), bins=classes, min=0, max=classes - 1) for t in (both, said, label)]
        areas.insert(1, areas[1] + areas[2] - areas[0])
        for sum_, area in zip(total, areas):
            sum_ += area
    both, union, _, label = total
    return {"iou": (both / union).numpy(), "accuracy": (both / label).numpy(), "aAcc": float(both.sum() / label.sum()),
            "mIoU": float(np.nanmean((both / union).numpy())), "mAcc": float(np.nanmean((both / label).numpy()))}


@pytest.mark.parametrize("policy, refine", WAYS)
def test_measures_are_those_of_mmsegmentation_and_torchmetrics(labelled, evaluated, tmp_path, policy, refine):
    import torch
    from torchmetrics.classification import MulticlassAccuracy, MulticlassJaccardIndex
    folder, masks = labelled
    predicted = predictions(folder, tmp_path / "out", "--policy", policy, "--refine", refine, *FAST)
    found = results(evaluated)[policy, refine]
    iou = np.array([np.nan if c["iou"] is None else c["iou"] for c in found["classes"]])
    accuracy = np.array([np.nan if c["accuracy"] is None else c["accuracy"] for c in found["classes"]])

    mm = measures_of_mmsegmentation(masks, predicted, len(NAMES))
    assert np.allclose(iou, mm["iou"], rtol=0, atol=1e-6, equal_nan=True)
    assert np.allclose(accuracy, mm["accuracy"], rtol=0, atol=1e-6, equal_nan=True)
    assert abs(found["mean_iou"] - mm["mIoU"]) < 1e-6
    assert abs(found["pixel_accuracy"] - mm["aAcc"]) < 1e-6
    assert abs(found["mean_accuracy"] - mm["mAcc"]) < 1e-6
    assert found["classes"][-1]["accuracy"] is None  # never true: no number, and not 0

    jaccard = MulticlassJaccardIndex(len(NAMES), average="none", ignore_index=VOID)
    micro = MulticlassAccuracy(len(NAMES), average="micro", ignore_index=VOID)
    recall = MulticlassAccuracy(len(NAMES), average="none", ignore_index=VOID)
    for name, mask in masks.items():
        said, is_ = torch.from_numpy(predicted[name].astype(np.int64)), torch.from_numpy(mask.astype(np.int64))
        for metric in (jaccard, micro, recall):
            metric.update(said.flatten(), is_.flatten())
    for ours, theirs in ((iou, jaccard), (accuracy, recall)):
        there = ~np.isnan(ours)  # torchmetrics calls a class that is nowhere 0
        assert np.allclose(ours[there], theirs.compute().numpy()[there], rtol=0, atol=1e-6)
    assert abs(found["pixel_accuracy"] - float(micro.compute())) < 1e-6


def test_the_reports_say_the_same(evaluated):
    measured = results(evaluated)
    text = (evaluated / "report.md").read_text()
    with open(evaluated / "report.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(measured) * (len(NAMES) + 1)
    for (policy, refine), found in measured.items():
        label = policy + (" + pamr" if refine == "pamr" else "")
        assert f"| {label} | {100 * found['mean_iou']:.2f} |" in text
        mean = [r for r in rows if (r["policy"], r["refine"], r["class"]) == (policy, refine, "*")]
        assert len(mean) == 1 and float(mean[0]["iou"]) == found["mean_iou"]
        for name in found["pictures"]:
            assert Image.open(evaluated / name).size[0] > 100
            assert f"({name})" in text
        assert sum("worst" in p for p in found["pictures"]) == sum("best" in p for p in found["pictures"]) == 3


def test_pictures_show_photo_truth_and_prediction(labelled, evaluated, tmp_path):
    folder, masks = labelled
    predicted = predictions(folder, tmp_path / "out", "--policy", "sclip", *FAST)
    quality = {}
    for name, mask in masks.items():
        m = measures_of_mmsegmentation({name: mask}, predicted, len(NAMES))
        quality[name] = m["mIoU"]
    worst = min(quality, key=lambda name: (quality[name], name))
    picture = np.array(Image.open(evaluated / "folder/sclip/worst-1.png"))
    photo = np.array(Image.open(folder / f"images/{worst}.png"))
    height, width = photo.shape[:2]
    assert np.array_equal(picture[26:26 + height, :width], photo)
    truth = picture[26:26 + height, width + 6:2 * width + 6].reshape(-1, 3)
    said = picture[26:26 + height, 2 * width + 12:3 * width + 12].reshape(-1, 3)
    # One colour a class, the same in both; pixels that do not count have one of their own.
    colours = {}
    for panel, labels in ((truth, masks[worst]), (said, predicted[worst])):
        for label in np.unique(labels):
            found = np.unique(panel[labels.reshape(-1) == label], axis=0)
            assert len(found) == 1
            assert colours.setdefault(label, tuple(found[0])) == tuple(found[0])
    assert len(set(colours.values())) == len(colours)


def same_reports(a: Path, b: Path):
    names = [n for n in files_in(a) if not n.startswith("matrices/")]
    assert names == [n for n in files_in(b) if not n.startswith("matrices/")]
    for name in names:
        assert (a / name).read_bytes() == (b / name).read_bytes(), name


def test_threads_and_sessions_change_nothing(labelled, evaluated, tmp_path):
    succeed("eval", "--dataset", "folder", "--root", labelled[0], "--policy", "sclip,clip", "--refine", "none,pamr", "-o", tmp_path / "out",
            "--jobs", "2", "--threads", "1", *FAST)
    same_reports(evaluated, tmp_path / "out")


def lines_in(folder: Path) -> int:
    return sum(f.read_bytes().count(b"\n") - 1 for f in folder.glob("*.jsonl") if f.stat().st_size) if folder.exists() else 0


def test_an_interrupted_run_goes_on_to_the_same_reports(tmp_path):
    make_set(tmp_path / "set", photos=72)
    options = ("--dataset", "folder", "--root", tmp_path / "set", "--policy", "sclip,k-only", *FAST, "--threads", "1")
    succeed("eval", *options, "-o", tmp_path / "whole")
    # Behind this process where they share a core: it has to be caught in the middle.
    process = subprocess.Popen(["nice", "-n", "19", str(SCLIP), "eval", *map(str, options), "-o", str(tmp_path / "cut")],
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # as on a person's terminal
    deadline = time.monotonic() + 300
    while lines_in(tmp_path / "cut/matrices") < 6 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, f"it was over before it could be interrupted: {err}"
    assert "goes on" in err
    assert not (tmp_path / "cut/report.md").exists()
    kept = lines_in(tmp_path / "cut/matrices")
    assert 6 <= kept < 72
    # A line that was cut short is as if it had not been written.
    some = sorted((tmp_path / "cut/matrices").glob("*.jsonl"))[0]
    some.write_bytes(some.read_bytes()[:-7])
    done = succeed("eval", *options, "-o", tmp_path / "cut")
    before = re.search(r"(\d+) finished before", done.out)
    assert before and int(before[1]) >= 1
    same_reports(tmp_path / "whole", tmp_path / "cut")
    # Nothing is computed a third time, and a mask that has changed is.
    assert "0 photos in" in succeed("eval", *options, "-o", tmp_path / "cut").out
    mask = tmp_path / "set/masks/p03.png"
    save_mask(1 - np.array(Image.open(mask)) // 255, mask)
    assert "1 photo in" in succeed("eval", *options, "-o", tmp_path / "cut").out


def test_bad_files_are_told_and_counted_and_the_others_too(labelled, tmp_path):
    import shutil
    good, bad = tmp_path / "good", tmp_path / "bad"
    for to in (good, bad):
        shutil.copytree(labelled[0], to)
    for name in ("p01", "p02", "p03", "p04"):
        (good / f"images/{name}.png").unlink()
        (good / f"masks/{name}.png").unlink()
    whole = (bad / "images/p01.png").read_bytes()
    (bad / "images/p01.png").write_bytes(whole[:len(whole) // 2])
    whole = (bad / "masks/p02.png").read_bytes()
    (bad / "masks/p02.png").write_bytes(whole[:len(whole) // 2])
    save_mask(np.zeros((40, 48), np.uint8), bad / "masks/p03.png")
    mask = np.array(Image.open(bad / "masks/p04.png"))
    mask[3, 7] = 34
    save_mask(mask, bad / "masks/p04.png")
    options = ("--dataset", "folder", "--policy", "sclip", "--pictures", "0", *FAST)
    succeed("eval", "--root", good, "-o", tmp_path / "g", *options)
    done = run("eval", "--root", bad, "-o", tmp_path / "b", *options)
    assert done.code == 2 and "4 failed" in done.out
    for text in ("p01.png", "p02.png", "48×40", "the number 34 at 7,3"):
        assert text in done.err
    found = report(tmp_path / "b")["data_sets"][0]
    assert [f["photo"] for f in found["failed"]] == ["p01", "p02", "p03", "p04"]
    assert results(tmp_path / "b")["sclip", "none"]["confusion"] == results(tmp_path / "g")["sclip", "none"]["confusion"]
    assert results(tmp_path / "b")["sclip", "none"]["photos"] == 2
    assert "p03" in (tmp_path / "b/report.md").read_text()


def test_voc_in_the_folders_of_its_download(tmp_path):
    """Both readings of one download, the published figures, and a table of the paper with what is there."""
    voc = tmp_path / "data/VOCdevkit/VOC2012"
    rng = np.random.default_rng(3)
    (voc / "JPEGImages").mkdir(parents=True)
    (voc / "ImageSets/Segmentation").mkdir(parents=True)
    (voc / "ImageSets/Segmentation/val.txt").write_text("2007_000033\n2007_000042\n")
    masks = []
    for name in ("2007_000033", "2007_000042"):
        Image.open(CHINA).resize((64, 48)).save(voc / f"JPEGImages/{name}.jpg")
        masks.append(random_mask(rng, 64, 48, [0, 1, 15, 20, VOID]))
        save_mask(masks[-1], voc / f"SegmentationClass/{name}.png")
    both = np.stack(masks)
    succeed("eval", "--dataset", "voc21,voc20", "--root", tmp_path / "data", "-o", tmp_path / "out", "--policy", "clip,sclip", *FAST)
    for place, classes, first in ((0, 21, 0), (1, 20, 1)):
        found = np.array(results(tmp_path / "out", place)["sclip", "none"]["confusion"]).sum(axis=1)
        assert found.tolist() == [int((both == i + first).sum()) for i in range(classes)]
    published = results(tmp_path / "out")["sclip", "none"]["published"]
    assert {p["mean_iou_percent"] for p in published} == {59.63, 59.1}
    assert "(18.8)" in (tmp_path / "out/report.md").read_text()

    done = succeed("eval", "--table", "4", "--root", tmp_path / "data", "-o", tmp_path / "four", "--pictures", "0", *BARE)
    assert "not there: Context59" in done.err and "not there: COCO-Stuff" in done.err
    found = report(tmp_path / "four")
    assert [r["protocol"] for r in found["data_sets"][0]["results"]] == ["224/224/112", "336/224/112", "336/336/112", "448/224/112",
                                                                       "448/448/224"]
    assert [r["published"][0]["mean_iou_percent"] for r in found["data_sets"][0]["results"]] == [56.5, 59.1, 58.6, 60.4, 58.9]
    assert len(found["absent"]) == 2
    text = fail("eval", "--table", "1", "--root", tmp_path, "-o", tmp_path / "none", "-q")
    assert "none of the data sets of table 1" in text


def test_what_is_asked_for_wrongly_shows_at_once(labelled, tmp_path):
    folder = labelled[0]
    assert "did you mean 'voc21'" in fail("eval", "--dataset", "voc2", "--root", folder)
    assert "looked for" in fail("eval", "--dataset", "ade20k", "--root", folder)
    assert "give --dataset" in fail("eval", "--root", folder)
    assert "clp" in fail("eval", "--dataset", "folder", "--root", folder, "--policy", "sclip,clp", "-o", tmp_path / "a", "-q", *FAST)
    assert "have 5 classes" in fail("eval", "--dataset", "folder", "--root", folder, "-c", "sky; tree", "-o", tmp_path / "b", "-q", *FAST)
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.txt").write_text("mine")
    assert "no evaluation's" in fail("eval", "--dataset", "folder", "--root", folder, "-o", tmp_path / "full", *FAST)


def test_other_words_for_the_same_classes(labelled, evaluated, tmp_path):
    words = "; ".join(NAMES).replace("building", "building, house, temple")
    succeed("eval", "--dataset", "folder", "--root", labelled[0], "--policy", "sclip", "-c", words, "-o", tmp_path / "out", "--pictures", "0", *FAST)
    found = results(tmp_path / "out")["sclip", "none"]
    assert found["pixels"] == results(evaluated)["sclip", "none"]["pixels"]
    assert found["confusion"] != results(evaluated)["sclip", "none"]["confusion"]


def test_limit_takes_photos_from_the_whole_set(labelled, tmp_path):
    succeed("eval", "--dataset", "folder", "--root", labelled[0], "--limit", "3", "-o", tmp_path / "out", "--pictures", "0", *FAST)
    names = [json.loads(line).get("photo") for f in (tmp_path / "out/matrices").iterdir() for line in f.read_text().splitlines()]
    assert sorted(filter(None, names)) == ["p00", "p02", "p04"]


def test_twenty_photos_of_camvid(tmp_path):
    """The bundled model on real street photos: what docs/results.md says, and better than the most frequent class everywhere."""
    if not CAMVID.is_dir():
        pytest.skip(f"{CAMVID} is not there: the bundled model was not measured on CamVid")
    table = RESULTS_PAGE.read_text().split("## Twenty photos of CamVid")[1]
    command = re.search(r"`sclip (eval .*)`", table)[1].replace("--root camvid", f"--root {CAMVID}").split()
    succeed(*command, "-o", tmp_path / "out", "--pictures", "1")
    every = results(tmp_path / "out")
    stated = {name: float(value) for name, value in re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|$", table, re.M)}
    assert {name for name, _ in every} == stated.keys()
    for name, value in stated.items():  # other processors round other pixels
        assert 100 * every[name, "none"]["mean_iou"] == pytest.approx(value, abs=0.02)
    found = every["sclip", "none"]
    assert found["photos"] == 20
    truth = np.array(found["confusion"]).sum(axis=1)
    masks = sorted((CAMVID / "test/masks").glob("*.png"))
    chosen = [masks[i * len(masks) // 20] for i in range(20)]
    counts = sum(np.bincount(np.array(Image.open(m)).ravel(), minlength=256) for m in chosen)
    assert truth.tolist() == counts[:len(truth)].tolist()
    assert found["pixels"] + counts[VOID] == sum(Image.open(m).size[0] * Image.open(m).size[1] for m in chosen)
    constant = (truth / truth.sum()).max() / len(truth)  # the mIoU of one class everywhere
    assert found["mean_iou"] > constant
