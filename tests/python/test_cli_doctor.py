"""sclip doctor on data sets in the layouts of their downloads: right ones, and each kind of wrong one."""
import hashlib
import json
import re
import shutil
import struct

import numpy
import pytest
from cli_support import CHINA, ROOT, fail, join_blob, pytestmark, run, split_blob, succeed  # noqa: F401
from PIL import Image

TINY = ROOT / "tests/data/goldens/tiny.sclip"  # knows any word; OpenAI's mean, std and QuickGELU
WIDTH, HEIGHT = 64, 48
LISTS = ROOT / "engine/text/data/class_names"


def photo(seed):
    random = numpy.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 255, (6, 8, 3), numpy.uint8)).resize((WIDTH, HEIGHT))


def blocks(numbers, seed):
    """A mask of 8 × 8 blocks that has every one of `numbers`, as far as there is room."""
    random = numpy.random.default_rng(seed)
    picked = numpy.resize(random.permutation(numpy.array(numbers)), (HEIGHT // 8, WIDTH // 8))
    return numpy.kron(picked, numpy.ones((8, 8), int))


def save_mask(path, labels, palette=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(labels.astype(numpy.uint16 if labels.max() > 255 else numpy.uint8))
    if palette:
        picture = picture.convert("L")
        picture.putpalette([v for i in range(256) for v in (i, 255 - i, i // 2)])
    picture.save(path)


COCO = [i for i in range(182) if i not in (11, 25, 28, 29, 44, 65, 67, 68, 70, 82, 90)]
# name: (photos' folder and ending, masks' folder and ending, numbers, other files)
SETS = {
    "voc21": ("JPEGImages", ".jpg", "SegmentationClass", ".png", [*range(21), 0, 0, 255], "ImageSets/Segmentation/val.txt"),
    "voc20": ("JPEGImages", ".jpg", "SegmentationClass", ".png", [*range(21), 0, 0, 255], "ImageSets/Segmentation/val.txt"),
    "context60": ("JPEGImages", ".jpg", "SegmentationClassContext", ".png", [*range(60)], "ImageSets/SegmentationContext/val.txt"),
    "context59": ("JPEGImages", ".jpg", "SegmentationClassContext", ".png", [*range(60)], "ImageSets/SegmentationContext/val.txt"),
    "coco_object": ("images/val2017", ".jpg", "annotations/val2017", "_instanceTrainIds.png", [*range(81), 255], None),
    "coco_stuff164k": ("images/val2017", ".jpg", "annotations/val2017", "_labelTrainIds.png", [*range(171), 255], None),
    "coco_stuff10k": ("images/test2014", ".jpg", "annotations/test2014", "_labelTrainIds.png", [*range(172)], None),
    "ade20k": ("images/validation", ".jpg", "annotations/validation", ".png", [*range(151)], None),
    "cityscapes": ("leftImg8bit/val/ulm", "_leftImg8bit.png", "gtFine/val/ulm", "_gtFine_labelTrainIds.png", [*range(19), 255], None),
    "camvid": ("test/images", ".png", "test/masks", ".png", [0, 1, 2, 3], "test/classes.txt"),
    "msrc_v2": ("images", ".jpg", "masks", "_GT.png", [1, 2, 3, 0], "classes.txt"),
    "labelmefacade": ("images", ".jpg", "masks", ".png", [0, 1, 2, 3], "test.txt"),
    "folder": ("images", ".jpg", "masks", ".png", [0, 1, 2, 3], "classes.txt"),
}
OWN_CLASSES = {"camvid": "sky\nroad\ntree\ncar\n", "msrc_v2": "0 void\n1 sky\n2 grass\n3 cow\n", "labelmefacade": "sky\nroad\ntree\ncar\n",
               "folder": "sky\nroad\ntree\ncar\n"}
COUNT = 8  # photos: the masks' blocks then have every number


def make(name, root, numbers=None, count=COUNT):
    images, photo_end, masks, mask_end, own_numbers, extra = SETS[name]
    (root / images).mkdir(parents=True)
    pool = numpy.array(numbers or own_numbers)
    names = [f"p{i}" for i in range(count)]
    for i, stem in enumerate(names):
        photo(i).save(root / images / f"{stem}{photo_end}", quality=90)
        # Each mask another part of the numbers, so that all masks have all.
        part = numpy.roll(pool, -i * (HEIGHT // 8) * (WIDTH // 8))[:(HEIGHT // 8) * (WIDTH // 8)]
        save_mask(root / masks / f"{stem}{mask_end}", blocks(part, i), palette=name.startswith("voc"))
    if extra and extra.endswith(".txt") and not extra.endswith("classes.txt"):
        (root / extra).parent.mkdir(parents=True, exist_ok=True)
        (root / extra).write_text("".join(f"{n}\n" for n in names))
    if name in OWN_CLASSES:
        place = root / extra if extra.endswith("classes.txt") else root / "classes.txt"
        place.write_text(OWN_CLASSES[name])
    return root


def doctor(*arguments, model=TINY):
    # Windows as small as the tiny model.
    done = run("doctor", "--model", model, "--json", "--crop", 32, "--stride", 16, *arguments)
    assert done.err == "" and done.code in (0, 1), (done.code, done.err)
    said = json.loads(done.out)
    assert done.code == (1 if any(f["severity"] != "note" for f in said["findings"]) else 0)
    return said


def named(*arguments, **options):
    return sorted({f["check"] for f in doctor(*arguments, **options)["findings"] if f["severity"] != "note"})


def at(name, root):
    return "--dataset", name, "--root", root


def masks_of(name, root):
    return sorted((root / SETS[name][2]).rglob("*" + SETS[name][3]))


@pytest.mark.parametrize("name", SETS)
def test_sets_as_they_are_downloaded_are_healthy(name, tmp_path):
    said = doctor(*at(name, make(name, tmp_path)))
    assert [f for f in said["findings"] if f["severity"] != "note"] == []
    assert said["data_set"]["pairs"] == said["data_set"]["read"] == COUNT
    assert said["not_checked"] == []


@pytest.mark.parametrize("name", SETS)
def test_jpeg_masks(name, tmp_path):
    make(name, tmp_path)
    for mask in masks_of(name, tmp_path):
        Image.open(mask).convert("L").save(mask.with_suffix(".jpg"), quality=75)
        mask.unlink()
    assert named(*at(name, tmp_path)) == ["lossy-masks"]


@pytest.mark.parametrize("name", SETS)
def test_one_jpeg_under_the_name_of_a_png(name, tmp_path):
    make(name, tmp_path)
    mask = masks_of(name, tmp_path)[0]
    Image.open(mask).convert("L").save(mask, format="JPEG")
    assert named(*at(name, tmp_path)) == ["lossy-masks"]


@pytest.mark.parametrize("name", SETS)
def test_masks_of_another_size(name, tmp_path):
    make(name, tmp_path)
    mask = masks_of(name, tmp_path)[0]
    labels = numpy.array(Image.open(mask))
    save_mask(mask, labels[::2, ::2])
    assert named(*at(name, tmp_path)) == ["sizes"]


@pytest.mark.parametrize("name", SETS)
def test_masks_resized_with_blending(name, tmp_path):
    make(name, tmp_path)
    for mask in masks_of(name, tmp_path):
        small = Image.fromarray(numpy.array(Image.open(mask))[::4, ::4].astype(numpy.uint8))
        save_mask(mask, numpy.array(small.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)))
    assert "blended-borders" in named(*at(name, tmp_path))


@pytest.mark.parametrize("name", SETS)
def test_binary_masks(name, tmp_path):
    assert named(*at(name, make(name, tmp_path, [0, 255]))) == ["binary-masks"]


@pytest.mark.parametrize("name", SETS)
def test_colours_instead_of_numbers(name, tmp_path):
    make(name, tmp_path)
    for mask in masks_of(name, tmp_path):
        Image.open(mask).convert("RGB").save(mask)
    assert named(*at(name, tmp_path)) == ["colour-masks"]


@pytest.mark.parametrize("name", SETS)
def test_numbers_beyond_the_classes(name, tmp_path):
    numbers = [*SETS[name][4], 250, 251, 252]
    found = doctor(*at(name, make(name, tmp_path, numbers)))["findings"]
    assert any(f["check"] == "unknown-numbers" and "250, 251, 252" in f["what"] for f in found), found


@pytest.mark.parametrize("name", SETS)
def test_halves_of_pairs(name, tmp_path):
    make(name, tmp_path)
    masks_of(name, tmp_path)[0].unlink()
    next((tmp_path / SETS[name][0]).glob("p3*")).unlink()
    assert named(*at(name, tmp_path)) == ["masks-without-photo", "photos-without-mask"]


@pytest.mark.parametrize("name", SETS)
def test_unreadable_files(name, tmp_path):
    make(name, tmp_path)
    mask = masks_of(name, tmp_path)[0]
    mask.write_bytes(mask.read_bytes()[:60])
    picture = next((tmp_path / SETS[name][0]).glob("p3*"))
    picture.write_bytes(picture.read_bytes()[:-300])
    found = doctor(*at(name, tmp_path))["findings"]
    assert [f["check"] for f in found if f["severity"] == "error"] == ["readable", "readable"]


@pytest.mark.parametrize("name", SETS)
def test_the_same_photo_twice(name, tmp_path):
    make(name, tmp_path)
    photos = sorted((tmp_path / SETS[name][0]).glob("p*"))
    shutil.copy(photos[0], photos[1])
    assert named(*at(name, tmp_path)) == ["duplicates"]


# One too many or too few: what is subtracted, or not, from the numbers.
@pytest.mark.parametrize("name, numbers", [
    ("voc21", [*range(22), 255]), ("context60", [*range(61)]), ("coco_stuff164k", [*range(172)]), ("cityscapes", [*range(20)]),
    ("coco_object", [*range(82)]), ("folder", [0, 1, 2, 3, 4]), ("camvid", [0, 1, 2, 3, 4]), ("labelmefacade", [0, 1, 2, 3, 4]),
    ("voc20", [*range(20), *[255] * 30]), ("context59", [*range(59), *[255] * 30]), ("ade20k", [*range(150), *[255] * 30]),
    ("coco_stuff10k", [*range(171), *[255] * 30])])
def test_zero_label(name, numbers, tmp_path):
    assert named(*at(name, make(name, tmp_path, numbers))) == ["zero-label"]


@pytest.mark.parametrize("name, numbers, says", [
    ("cityscapes", [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33, 0, 4], "labelIds"),
    ("coco_stuff164k", [*COCO, 255], "stuffthingmaps"), ("coco_object", [*COCO, 255], "stuffthingmaps")])
def test_a_download_under_the_name_of_what_is_made_of_it(name, numbers, says, tmp_path):
    found = [f for f in doctor(*at(name, make(name, tmp_path, numbers)))["findings"] if f["severity"] == "error"]
    assert [f["check"] for f in found] == ["unknown-numbers"] and says in found[0]["what"]


def test_train_ids_where_the_downloads_numbers_belong(tmp_path):
    root = make("coco_stuff164k", tmp_path / "stuff")
    for mask in masks_of("coco_stuff164k", root):
        (root / "stuffthingmaps/val2017").mkdir(parents=True, exist_ok=True)
        mask.rename(root / "stuffthingmaps/val2017" / mask.name.replace("_labelTrainIds", ""))
    assert named(*at("coco_stuff164k", root)) == ["unknown-numbers"]
    root = make("cityscapes", tmp_path / "city")
    for mask in masks_of("cityscapes", root):
        mask.rename(mask.with_name(mask.name.replace("labelTrainIds", "labelIds")))
    assert "unknown-numbers" in named(*at("cityscapes", root))


def lines(name):
    return (LISTS / f"{name}.txt").read_text().splitlines()


def test_class_lists_of_another_order_and_length(tmp_path):
    root = make("coco_stuff164k", tmp_path / "stuff")
    words = tmp_path / "words.txt"
    names = lines("coco_stuff")
    words.write_text("\n".join(names))
    assert named(*at("coco_stuff164k", root), "--classes-file", words) == []
    words.write_text("\n".join([*names[80:], *names[:80]]))  # stuff before things
    assert named(*at("coco_stuff164k", root), "--classes-file", words) == ["class-order"]
    words.write_text("\n".join(["unlabeled", *names]))
    assert named(*at("coco_stuff164k", root), "--classes-file", words) == ["class-count", "class-order"]
    root = make("voc20", tmp_path / "voc")
    assert named(*at("voc20", root), "--classes-file", "voc21") == ["class-count", "class-order"]
    assert named(*at("voc20", root), "--classes-file", "voc20") == []


def test_thresholds_without_background(tmp_path):
    root = make("voc20", tmp_path)
    assert named(*at("voc20", root), "--prob-thd", 0.1) == ["threshold"]
    assert named(*at("voc20", root), "--prob-thd", 0.1, "--ignore-label", 255) == []
    assert named("-c", "sky; road", "--prob-thd", 0.3) == ["threshold"]
    assert named("-c", "background; road") == ["background"]


def with_header(path, change, blob=TINY):
    header, payload = split_blob(blob.read_bytes())
    metadata = header["__metadata__"]
    parts = {key: json.loads(metadata[key]) for key in ("config", "preprocessing")}
    change(metadata, parts)
    metadata |= {key: json.dumps(value, separators=(",", ":")) for key, value in parts.items()}
    metadata["header_sha256"] = "0" * 64
    data = join_blob(header, payload)
    (length,) = struct.unpack("<Q", data[:8])
    metadata["header_sha256"] = hashlib.sha256(data[8:8 + length]).hexdigest()
    path.write_bytes(join_blob(header, payload))
    return path


def test_models_that_were_converted_wrongly(tmp_path):
    assert named(model=with_header(tmp_path / "same.sclip", lambda m, p: None)) == []

    def gelu(metadata, parts):
        metadata["source"] = "openai ViT-B-16.pt"
        parts["config"]["activation"] = "gelu"

    def imagenet(metadata, parts):
        parts["preprocessing"] |= {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}

    def unit(metadata, parts):
        parts["preprocessing"] |= {"mean": [0.4815, 0.4578, 0.4082], "std": [0.2686, 0.2613, 0.2758]}

    assert named(model=with_header(tmp_path / "gelu.sclip", gelu)) == ["activation"]
    assert named(model=with_header(tmp_path / "imagenet.sclip", imagenet)) == ["mean-std"]
    assert named(model=with_header(tmp_path / "unit.sclip", unit)) == ["mean-std"]


def test_words_that_the_demo_model_does_not_know():
    assert named("-c", "sky; xylophone", model=ROOT / "weights/demo/demo-clip.sclip") == ["known-words"]
    assert named("-c", "sky; road", model=ROOT / "weights/demo/demo-clip.sclip") == []


def test_what_people_see(tmp_path):
    root = make("folder", tmp_path, [0, 1, 2, 3, 4])
    done = run("doctor", *at("folder", root), "--model", TINY, "--photos", 2)
    first, *findings, last = done.out.splitlines()
    assert done.code == 1 and done.err == ""
    assert first == "folder: 8 photos with masks, 2 of them read (--photos 0 reads all)"
    assert len(findings) == 1 and findings[0].startswith("error: zero-label: ") and ". Fix: " in findings[0]
    assert last.startswith("1 error, 0 warnings; ")
    done = succeed("doctor", *at("folder", make("folder", tmp_path / "good")), "--model", TINY)
    assert done.out.splitlines()[-1].startswith("nothing found; ")
    table = succeed("doctor", "--list").out.splitlines()
    assert {line.split()[0] for line in table} == set(doctor(*at("folder", root))["checks"])
    documented = re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", (ROOT / "docs/doctor.md").read_text(encoding="utf-8"), re.M)
    assert [(line.split()[0], line.split(maxsplit=1)[1]) for line in table] == documented


def test_refusals(tmp_path):
    assert "--root" in fail("doctor", "--dataset", "voc21")
    assert "--dataset" in fail("doctor", "--root", tmp_path)
    assert "did you mean 'voc2" in fail("doctor", "--dataset", "voc22", "--root", tmp_path)
    assert "looked for" in fail("doctor", "--dataset", "voc21", "--root", tmp_path)
