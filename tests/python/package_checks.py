"""Runs inside the environment that the package was installed in: `python package_checks.py NAME …` calls check_NAME."""
import io
import json
import os
import sys
import threading
import types
from pathlib import Path

import numpy as np
import sclip
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
CHINA = ROOT / "tests/data/photos/china.jpg"
WORDS = ["sky", "building, house", "tree"]


def raises(kind, words, call):
    try:
        call()
    except kind as error:
        assert words in str(error), error
        return
    raise AssertionError(f"no {kind.__name__}")


def check_inputs():
    """A photo is the same however it comes."""
    model = sclip.load("demo", device="cpu", precision="f32")
    expected = model.segment(CHINA, WORDS)
    assert expected.mask.shape == (427, 640) and expected.mask.dtype == np.uint16 and expected.scores.dtype == np.float32
    pixels = np.asarray(Image.open(CHINA).convert("RGB"))
    four = np.concatenate([pixels, np.zeros_like(pixels[..., :1])], axis=2)
    wide = np.zeros((427, 700, 3), np.uint8)
    wide[:, 30:670] = pixels
    inputs = {"path": (str(CHINA), "rgb"), "bytes": (CHINA.read_bytes(), "rgb"), "Pillow": (Image.open(CHINA), "rgb"),
              "array": (pixels, "rgb"), "bgr": (np.ascontiguousarray(pixels[..., ::-1]), "bgr"), "rgba": (four, "rgb"),
              "bottom up": (np.ascontiguousarray(pixels[::-1])[::-1], "rgb"), "a part of a wider one": (wide[:, 30:670], "rgb"),
              "channels turned": (np.asfortranarray(pixels), "rgb")}
    for name, (image, order) in inputs.items():
        found = model.segment(image, WORDS, order=order)
        assert np.array_equal(found.mask, expected.mask) and np.array_equal(found.scores, expected.scores), name
    raises(ValueError, "8-bit", lambda: model.segment(pixels / 255.0, WORDS))
    raises(ValueError, "channels first", lambda: model.segment(np.ascontiguousarray(pixels.transpose(2, 0, 1)), WORDS))
    raises(TypeError, "not int", lambda: model.segment(3, WORDS))
    raises(FileNotFoundError, "no-such.jpg", lambda: model.segment("no-such.jpg", WORDS))
    raises(sclip.Error, "a picture in memory", lambda: model.segment(CHINA.read_bytes()[:200], WORDS))


def check_words_and_options():
    model = sclip.load("demo", device="cpu", precision="f32")
    expected = model.segment(CHINA, WORDS).mask
    for words in ("sky; building, house; tree", [["sky"], ["building", "house"], ["tree"]],
                  {"sky": [], "building": ["house"], "tree": "tree"}):
        assert np.array_equal(model.segment(CHINA, words).mask, expected), words
    raises(sclip.Error, "does not compute in fp8", lambda: sclip.load("demo", device="cpu", precision="fp8"))
    raises(ValueError, "'f16' or 'fp8'", lambda: sclip.load("demo", device="cpu", precision="f8"))
    raises(ValueError, "did you mean 'sclip'", lambda: model.segment(CHINA, WORDS, policy="sclp"))
    raises(TypeError, "there is no option 'crops'", lambda: model.segment(CHINA, WORDS, crops=3))
    raises(ValueError, "stride", lambda: model.segment(CHINA, WORDS, stride=0))
    strict = model.segment(CHINA, WORDS, prob_thd=0.9, ignore_label=255)
    assert set(np.unique(strict.mask)) <= {0, 1, 2, 255} and (strict.mask == 255).any()
    assert model.segment(CHINA, "voc21").class_names[15] == "person"
    assert np.array_equal(model.segment(CHINA, WORDS).is_class("building"), expected == 1)
    raises(ValueError, "there is no class 'lake'", lambda: model.segment(CHINA, WORDS).is_class("lake"))


def check_features():
    model = sclip.load("demo", device="cpu", precision="f32")
    features = model.features(CHINA)
    for words in (WORDS, ["water", "sky"]):
        anew, asked = model.segment(CHINA, words), features.segment(words)
        assert np.array_equal(anew.mask, asked.mask) and np.array_equal(anew.scores, asked.scores)
    values = features.values
    assert values.ndim == 4 and values.shape[3] == model.embed_dim
    assert np.abs(np.linalg.norm(values, axis=-1) - 1).max() < 1e-5


def check_embeddings():
    model = sclip.load("demo", device="cpu", precision="f32")
    texts = model.embed_text(["a photo of a sky.", "a photo of a zebra."])
    one = model.embed_text("a photo of a sky.")
    assert texts.shape == (2, model.embed_dim) and one.shape == (model.embed_dim,) and np.abs(one - texts[0]).max() < 1e-6
    image = model.embed_image(CHINA)
    assert abs(np.linalg.norm(image) - 1) < 1e-5
    found = model.classify(CHINA, ["sky", "zebra"])
    assert list(found) == ["sky", "zebra"] and abs(sum(found.values()) - 1) < 1e-5 and found["sky"] > found["zebra"]


def check_exports():
    from pycocotools import mask as coco_mask
    model = sclip.load("demo", device="cpu", precision="f32")
    result = model.segment(CHINA, WORDS)
    coco = result.to_coco(image_id=7, file_name="china.jpg")
    json.dumps(coco)
    assert coco["images"] == [{"id": 7, "file_name": "china.jpg", "width": 640, "height": 427}]
    for annotation in coco["annotations"]:
        decoded = coco_mask.decode(annotation["segmentation"])
        assert np.array_equal(decoded, result.mask == annotation["category_id"])
        assert annotation["area"] == decoded.sum() and annotation["bbox"] == list(coco_mask.toBbox(annotation["segmentation"]))
    overlay = result.overlay()
    assert overlay.width == 640 and overlay.height > 427  # a legend below
    assert result._repr_png_().startswith(b"\x89PNG")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(result.mask_png()))), result.mask)
    pipeline = result.to_pipeline()
    assert [entry["label"] for entry in pipeline] == ["sky", "building", "tree"]
    assert sum((np.asarray(entry["mask"]) == 255).sum() for entry in pipeline) == 640 * 427
    assert all(0 < entry["score"] <= 1 for entry in pipeline)
    assert result.classes[0].name == "sky" and abs(sum(c.share for c in result.classes) - 1) < 1e-9
    assert "sky" in repr(result)


def check_fiftyone():
    """The real one is large and starts a database: what is handed over is looked at, unless FiftyOne is here."""
    try:
        import fiftyone
    except ImportError:
        fiftyone = types.ModuleType("fiftyone")
        fiftyone.Segmentation = types.SimpleNamespace
        sys.modules["fiftyone"] = fiftyone
    model = sclip.load("demo", device="cpu", precision="f32")
    result = model.segment(CHINA, WORDS, prob_thd=0.9, ignore_label=255)
    mask = np.asarray(result.to_fiftyone().mask)
    assert mask.dtype == np.uint8 and mask.shape == (427, 640)
    assert result.fiftyone_targets == {1: "sky", 2: "building", 3: "tree"}
    ignored = result.mask == 255
    assert ignored.any() and not ignored.all() and np.array_equal(mask == 0, ignored)
    for number, name in result.fiftyone_targets.items():
        assert np.array_equal(mask == number, result.is_class(name)), name


def check_many():
    model = sclip.load("demo", device="cpu", precision="f32")
    pixels = np.asarray(Image.open(CHINA).convert("RGB"))
    photos = [pixels[i * 20:i * 20 + 200, i * 10:i * 10 + 250] for i in range(7)]
    alone = [model.segment(p, WORDS) for p in photos]
    for one, together in zip(alone, model.segment_batch(photos, WORDS)):
        assert np.array_equal(one.mask, together.mask) and np.array_equal(one.scores, together.scores)
    found = list(model.segment_all(iter(photos), WORDS, batch=3))
    assert len(found) == 7 and all(np.array_equal(a.mask, b.mask) for a, (_, b) in zip(alone, found))
    folder = list(model.segment_folder(CHINA.parent, WORDS))
    assert [p.name for p, _ in folder] == sorted(p.name for p in CHINA.parent.iterdir() if p.suffix in (".jpg", ".png"))


def check_threads():
    """Eight threads on one model, each with words and photos of its own."""
    model = sclip.load("demo", device="cpu", precision="f32")
    pixels = np.asarray(Image.open(CHINA).convert("RGB"))
    photos = [np.ascontiguousarray(pixels[i * 20:i * 20 + 150, i * 10:i * 10 + 200]) for i in range(8)]
    words = [WORDS, ["water", "sky"], ["tree", "sky", "road"]]
    expected = {(i, j): model.segment(photos[i], words[j]).mask.copy() for i in range(8) for j in range(3)}
    wrong = []

    def work(start):
        for step in range(6):
            i, j = (start + step) % 8, (start + step) % 3
            if not np.array_equal(model.segment(photos[i], words[j]).mask, expected[i, j]):
                wrong.append((i, j))
    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def check_fork():
    model = sclip.load("demo", device="cpu")
    model.segment(CHINA, WORDS)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            model.segment(CHINA, WORDS)
            text = "nothing was raised"
        except RuntimeError as error:
            text = str(error)
        os.write(writer, text.encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert "load a model in each process" in os.read(reader, 10000).decode()
    model.segment(CHINA, WORDS)  # the parent's goes on


def check_results_outlive_the_model():
    mask = sclip.load("demo", device="cpu").segment(CHINA, WORDS).mask
    import gc
    gc.collect()
    assert mask.shape == (427, 640) and mask.max() <= 2


def check_tensors():
    import torch
    model = sclip.load("demo", device="cpu", precision="f32")
    pixels = torch.from_numpy(np.array(Image.open(CHINA).convert("RGB")))
    assert np.array_equal(model.segment(pixels, WORDS).mask, model.segment(CHINA, WORDS).mask)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        globals()[f"check_{name}"]()
        print(name, "passed")
