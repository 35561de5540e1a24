"""What a run leaves: each kind of output, as programs of others read it."""
import json
import re

import cv2
import numpy as np
import pytest
from cli_support import BARE, CHINA, CLASSES, ROOT, fail, files_in, pytestmark, result, run, succeed  # noqa: F401
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

QUICK = (*BARE, "--short-side", "112", "-q")


def segment(out, *arguments, classes=CLASSES, photo=CHINA):
    succeed("segment", photo, *(("-c", classes) if classes else ()), *QUICK, "-o", out, *arguments)


def ids(out) -> np.ndarray:
    """The class ids as Pillow reads them from mask.png: of a palette picture, its indices."""
    return np.asarray(Image.open(out / "mask.png")).astype(np.int64)


@pytest.fixture
def many_classes(tmp_path):
    """A class list beyond 8 bits, of which classes at both ends get pixels."""
    file = tmp_path / "many.txt"
    file.write_text("\n".join(["tree", "building"] + [f"thing {i}" for i in range(296)] + ["sky", "water"]))
    return file


def check_rle(out):
    labels, facts = ids(out), result(out)
    coco = COCO(str(out / "rle.json"))
    assert {c["id"]: c["name"] for c in coco.loadCats(coco.getCatIds())} == {c["id"]: c["name"] for c in facts["classes"]}
    (image,) = coco.loadImgs(coco.getImgIds())
    assert (image["height"], image["width"]) == labels.shape and image["file_name"] == CHINA.name
    annotations = coco.loadAnns(coco.getAnnIds())
    assert [a["category_id"] for a in annotations] == np.unique(labels).tolist()
    for a in annotations:
        expected = labels == a["category_id"]
        assert np.array_equal(coco.annToMask(a), expected)
        assert a["category_name"] == facts["classes"][a["category_id"]]["name"]
        assert a["area"] == expected.sum() == coco_mask.area(a["segmentation"])
        assert a["bbox"] == coco_mask.toBbox(a["segmentation"]).tolist()
        # pycocotools writes the same characters.
        own = coco_mask.encode(np.asfortranarray(expected.astype(np.uint8)))
        assert a["segmentation"] == {"size": list(own["size"]), "counts": own["counts"].decode()}


def test_rle_is_what_pycocotools_reads_and_writes(tmp_path):
    segment(tmp_path, "--outputs", "mask,rle,json", classes=f"{CLASSES}; unicorn")
    check_rle(tmp_path)


def test_rle_of_many_classes(many_classes, tmp_path):
    segment(tmp_path / "out", "--outputs", "mask,rle,json", "--classes-file", many_classes, classes=None)
    assert ids(tmp_path / "out").min() < 256 < ids(tmp_path / "out").max()
    check_rle(tmp_path / "out")


def check_grey(out, dtype):
    read = cv2.imread(str(out / "grey.png"), cv2.IMREAD_UNCHANGED)
    assert read.dtype == dtype and np.array_equal(read, ids(out))
    assert np.array_equal(np.asarray(Image.open(out / "grey.png")).astype(np.int64), ids(out))


def test_grey_is_the_ids_for_every_reader(tmp_path):
    segment(tmp_path, "--outputs", "mask,grey")
    check_grey(tmp_path, np.uint8)
    # Eight bits come out the same however they are asked for.
    assert np.array_equal(cv2.imread(str(tmp_path / "grey.png"), cv2.IMREAD_GRAYSCALE), ids(tmp_path))


def test_grey_of_many_classes_has_sixteen_bits(many_classes, tmp_path):
    segment(tmp_path / "out", "--outputs", "mask,grey", "--classes-file", many_classes, classes=None)
    assert ids(tmp_path / "out").max() > 255
    check_grey(tmp_path / "out", np.uint16)


def test_per_class(tmp_path):
    names = ["sky", "a/b", "a b", "../../building", "дерево 🌳", "tree"]
    segment(tmp_path, "--outputs", "mask,per-class,json", classes="; ".join(names))
    labels, facts = ids(tmp_path), result(tmp_path)
    files = facts["outputs"]["per-class"]
    assert sorted([*files, "mask.png", "result.json"]) == files_in(tmp_path)
    assert [int(re.match(r"per-class/(\d+)-", f)[1]) for f in files] == np.unique(labels).tolist()
    assert all(re.fullmatch(r"per-class/\d-[\w-]+\.png", f) for f in files)
    for file, label in zip(files, np.unique(labels)):
        picture = Image.open(tmp_path / file)
        assert picture.mode == "L" and np.array_equal(np.asarray(picture), np.where(labels == label, 255, 0))


def test_per_class_leaves_no_class_of_an_earlier_run(tmp_path):
    segment(tmp_path, "--outputs", "per-class", classes="sky; tree; building")
    assert len(files_in(tmp_path)) > 1
    (tmp_path / "per-class/notes.txt").write_text("mine")
    segment(tmp_path, "--outputs", "per-class", "--no-background", classes="cat")
    assert files_in(tmp_path) == ["per-class/0-cat.png", "per-class/notes.txt"]
    assert (np.asarray(Image.open(tmp_path / "per-class/0-cat.png")) == 255).all()


def test_each_output_alone_and_all_together(tmp_path):
    help_text = succeed("segment", "--help").out.partition("--outputs")[2].partition("--overlay-size")[0]
    kinds = re.findall(r"^ {20,30}([\w-]+): ", help_text, flags=re.MULTILINE)
    assert set(kinds) >= {"mask", "overlay", "json", "scores", "logits", "rle", "grey", "per-class"}
    segment(tmp_path / "all", "--outputs", ",".join(kinds))
    together = files_in(tmp_path / "all")
    found = []
    for kind in kinds:
        segment(tmp_path / kind, "--outputs", kind)
        found += files_in(tmp_path / kind)
        for file in files_in(tmp_path / kind):
            if kind != "json":
                assert (tmp_path / kind / file).read_bytes() == (tmp_path / "all" / file).read_bytes()
    assert sorted(found) == together
    segment(tmp_path / "default")
    assert files_in(tmp_path / "default") == ["mask.png", "overlay.png", "result.json"]


def test_files_by_name(tmp_path):
    segment(tmp_path / "out", "--outputs", f"grey={tmp_path / 'ids.png'},scores={tmp_path / 'out/best.npy'},json")
    assert files_in(tmp_path) == ["ids.png", "out/best.npy", "out/result.json"]
    assert result(tmp_path / "out")["outputs"] == {"grey": "../ids.png", "scores": "best.npy"}


def test_a_run_without_json_leaves_none_that_describes_other_files(tmp_path):
    segment(tmp_path)
    segment(tmp_path, "--outputs", "mask", classes="cat")
    assert files_in(tmp_path) == ["mask.png", "overlay.png"]
    assert "json" in fail("segment", CHINA, "-c", CLASSES, *QUICK, "--outputs", "mask", "--resume", "-o", tmp_path)


def test_resume_goes_by_the_chosen_outputs(tmp_path):
    out = tmp_path / "out"
    options = ("segment", CHINA, "-c", CLASSES, *QUICK[:-1], "-o", out, "--resume", "--outputs")
    assert "wrote" in succeed(*options, "json,per-class").out
    assert "finished already" in succeed(*options, "per-class,json").out
    (out / result(out)["outputs"]["per-class"][0]).unlink()
    assert "wrote" in succeed(*options, "per-class,json").out
    assert "wrote" in succeed(*options, "per-class,json,rle").out
    assert "wrote" in succeed(*options, f"per-class,json,rle={tmp_path / 'r.json'}").out


def test_a_folder_of_photos_and_their_outputs_in_one_place(tmp_path):
    Image.open(CHINA).resize((160, 107)).save(tmp_path / "a.jpg")
    Image.open(CHINA).resize((107, 160)).save(tmp_path / "b.jpg")
    for _ in range(2):  # the second time, outputs lie among the photos
        done = succeed("segment", tmp_path, "-c", CLASSES, *BARE, "--outputs", "mask,grey,per-class,json", "-o", tmp_path)
        assert "2 photos" in done.out
    assert [f for f in files_in(tmp_path) if "/" not in f] == sorted(
        f"{stem}.{end}" for stem in "ab" for end in ("jpg", "mask.png", "grey.png", "result.json"))
    assert all(f.startswith("a.per-class/") for f in result(tmp_path, "a.")["outputs"]["per-class"])


def keys_of(value) -> set[str]:
    if isinstance(value, list):
        return set().union(*map(keys_of, value))
    return set(value).union(*map(keys_of, value.values())) if isinstance(value, dict) else set()


def test_every_field_is_documented(tmp_path):
    text = (ROOT / "results/README.md").read_text()
    segment(tmp_path, "--outputs", "json,rle", "--config", "voc21")
    fields = keys_of(result(tmp_path)) | keys_of(json.loads((tmp_path / "rle.json").read_text()))
    assert len(fields) > 40
    assert {f for f in fields if f"`{f}`" not in text} == set()


@pytest.mark.parametrize("label", [4, 255, 300, 65535])
def test_pixels_below_the_threshold_have_a_label_of_their_own(tmp_path, label):
    outputs = "mask,grey,overlay,per-class,rle,scores,json"
    options = ("--prob-thd", "0.9", "--outputs", outputs)
    file = tmp_path / "photo.png"  # whose pixels every decoder has
    Image.open(CHINA).save(file)
    segment(tmp_path / "zero", *options, photo=file)
    segment(tmp_path / "own", *options, "--ignore-label", label, "--ignore-name", "void, or so", photo=file)
    zero, own, scores = ids(tmp_path / "zero"), ids(tmp_path / "own"), np.load(tmp_path / "own/scores.npy")
    low = scores < np.float32(0.9)
    assert 0.02 < low.mean() < 0.98
    assert np.array_equal(own, np.where(low, label, zero))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "own/grey.png")), own)
    picture = Image.open(tmp_path / "own/mask.png")
    assert picture.mode == ("P" if label < 256 else "I;16")
    if label < 256:
        assert picture.getpalette()[3 * label:3 * label + 3] == [224, 224, 192]
        before = Image.open(tmp_path / "zero/mask.png").getpalette()
        assert picture.getpalette()[:12] == before[:12]

    facts, before = result(tmp_path / "own"), result(tmp_path / "zero")
    assert before["ignored"] is None and before["options"]["ignore_label"] is None
    ignored = facts["ignored"]
    assert (ignored["id"], ignored["name"], ignored["pixels"]) == (label, "void, or so", low.sum())
    assert ignored["share"] == pytest.approx(low.mean()) and ignored["mean_score"] == pytest.approx(scores[low].mean(), abs=1e-5)
    assert ignored["max_score"] < 0.9 and facts["options"]["ignore_label"] == label
    assert sum(c["pixels"] for c in facts["classes"]) + ignored["pixels"] == own.size
    assert [c["pixels"] for c in facts["classes"]] == np.bincount(own[~low], minlength=4).tolist()

    digits = len(str(label))
    with Image.open(tmp_path / f"own/per-class/{label}-void-or-so.png") as mask:
        assert np.array_equal(np.asarray(mask) == 255, low)
    assert any(name.startswith(f"per-class/{0:0{digits}}-sky") for name in files_in(tmp_path / "own"))
    coco = COCO(str(tmp_path / "own/rle.json"))
    assert coco.loadCats([label])[0]["name"] == "void, or so"
    (annotation,) = coco.loadAnns(coco.getAnnIds(catIds=[label]))
    assert np.array_equal(coco.annToMask(annotation), low) and annotation["category_name"] == "void, or so"

    # The photo shows as it is where no border is near.
    photo, overlay = np.asarray(Image.open(file)), np.asarray(Image.open(tmp_path / "own/overlay.png"))
    inside = low & (cv2.erode(low.astype(np.uint8), np.ones((9, 9))) == 1)
    assert inside.any()
    assert np.array_equal(overlay[:photo.shape[0], :photo.shape[1]][inside], photo[inside])


def test_ignored_pixels_are_another_run_when_they_are_called_otherwise(tmp_path):
    options = ("--prob-thd", "0.6", "--ignore-label", "255", "--outputs", "json")
    hashes = []
    for extra in (options[:2], options, (*options, "--ignore-name", "void"), (*options[:3], "254", *options[4:])):
        segment(tmp_path, *extra)
        hashes.append(result(tmp_path)["options_hash"])
    assert len(set(hashes)) == 4


def test_an_ignored_label_that_cannot_be(tmp_path):
    for extra, message in ((("--ignore-label", "3"), "that is the class 'water'"), (("--ignore-label", "65536"), "65536"),
                           (("--ignore-label", "255", "--ignore-name", "sky"), "'sky'"), (("--ignore-label", "9", "--ignore-name", ""), "''")):
        assert message in fail("segment", CHINA, "-c", CLASSES, "--prob-thd", "0.5", *extra, *QUICK, "-o", tmp_path / "out")
    done = succeed("segment", CHINA, "-c", CLASSES, "--ignore-label", "255", *QUICK[:-1], "-o", tmp_path)
    assert "no pixel gets --ignore-label 255" in done.err


def test_a_limited_long_side_is_told(tmp_path):
    wide = Image.new("RGB", (600, 30), (90, 120, 200))
    wide.save(tmp_path / "wide.png")
    done = run("segment", tmp_path / "wide.png", "-c", CLASSES, *BARE, "--short-side", "112", "-o", tmp_path / "one")
    assert done.code == 0
    facts = result(tmp_path / "one")
    assert facts["resized"] == {"width": 2048, "height": 102} and facts["options"]["short_side"] == 112
    (warning,) = [w for w in facts["warnings"] if "long side is limited to 2048" in w]
    assert f"sclip: warning: {warning}" in done.err.splitlines() and "2048×102" in warning and "112" in warning
    segment(tmp_path / "fits")
    assert result(tmp_path / "fits")["resized"] == {"width": 168, "height": 112} and result(tmp_path / "fits")["warnings"] == []
    # Of several photos, the last line counts them.
    done = succeed("segment", tmp_path / "wide.png", CHINA, "-c", CLASSES, *BARE, "--short-side", "112", "-o", tmp_path / "two")
    assert "1 with a warning in their result.json" in done.out
    assert result(tmp_path / "two", "china.")["warnings"] == [] != result(tmp_path / "two", "wide.")["warnings"]


def test_precision_is_the_one_computed_in(tmp_path):
    for precision in ("f32", "bf16"):
        done = run("segment", CHINA, "-c", CLASSES, *QUICK[:-1], "--device", "cpu", "--precision", precision, "-o", tmp_path)
        if done.code != 0:
            assert precision == "bf16" and "bf16" in done.err  # a processor without it
            continue
        assert result(tmp_path)["device"]["precision"] == precision and f"cpu {precision}" in done.out
