"""The whole way: random weights of ViT-B/16 in the real library, converted, run by `sclip embed`.

The engine's embeddings must be the library's: of the full shape with QuickGELU, with two layers of its widths with GELU. Images are 224 × 224 already, so that resizing plays no part.
"""
import copy
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import open_clip
import pytest
import torch
from convert_support import ROOT, converted, randomise
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel

SCLIP = Path(os.environ.get("SCLIP_BIN", ROOT / "build/sclip"))
TEXTS = ["a photo of a cat.", "sky", "a bad photo of the traffic light, at night"]
PHOTO = ROOT / "tests/data/photos/china.jpg"
MEAN = torch.tensor([122.771, 116.746, 104.094]).reshape(3, 1, 1)
STD = torch.tensor([68.501, 66.632, 70.323]).reshape(3, 1, 1)

pytestmark = pytest.mark.usefixtures("sclip")


@pytest.fixture(autouse=True)
def clean(tmp_path):
    """A GB for each test: not kept until the end."""
    yield
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="module", name="photos")
def two_crops(tmp_path_factory):
    """Paths of two 224 × 224 PNGs, and the same as a normalised (2, 3, 224, 224)."""
    folder, photo = tmp_path_factory.mktemp("photos"), Image.open(PHOTO).convert("RGB")
    paths, arrays = [], []
    for i, (x, y) in enumerate(((0, 0), (300, 150))):
        crop = photo.crop((x, y, x + 224, y + 224))
        paths.append(folder / f"{i}.png")
        crop.save(paths[-1])
        arrays.append((torch.from_numpy(np.asarray(crop).copy()).permute(2, 0, 1).float() - MEAN) / STD)
    return paths, torch.stack(arrays)


def embed(model, out, *arguments):
    command = [SCLIP, "embed", *map(str, arguments), "--model", model, "-o", out, "--precision", "f32"]
    subprocess.run(command, check=True)
    return np.load(out)


def check(blob, photos, images_expected, texts_expected):
    folder = blob.parent
    paths, _ = photos
    images = embed(blob, folder / "i.npy", *(x for path in paths for x in ("--image", path)))
    texts = embed(blob, folder / "t.npy", *(x for text in TEXTS for x in ("--text", text)))
    for ours, theirs in ((images, images_expected), (texts, texts_expected)):
        theirs = theirs.numpy()
        assert ours.shape == theirs.shape
        unit = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (ours.astype(np.float64), theirs)]
        assert np.isfinite(ours).all() and np.abs(unit[0] - unit[1]).max() <= 1e-5 * np.abs(unit[1]).max()
    # The inputs are told apart by far more than the tolerance: the comparison means something.
    assert np.abs(unit[1][0] - unit[1][1]).max() > 1e-2


@torch.no_grad()
def open_clip_outputs(model, photos):
    tokens = open_clip.get_tokenizer("ViT-B-16")(TEXTS)
    return model.encode_image(photos[1]), model.encode_text(tokens)


@pytest.mark.parametrize("name", ["ViT-B-16-quickgelu", "ViT-B-16"])
def test_open_clip(name, photos, tmp_path):
    config = open_clip.get_model_config(name)
    if not config.get("quick_gelu"):
        config["vision_cfg"]["layers"] = config["text_cfg"]["layers"] = 2
    model = randomise(open_clip.CLIP(**config))
    save_file({k: v.contiguous() for k, v in model.state_dict().items()}, tmp_path / "m.safetensors")
    converted(tmp_path / "m.sclip", "--from", "open_clip", tmp_path / "m.safetensors", "--model", name, "--dtype",
              "f32")
    check(tmp_path / "m.sclip", photos, *open_clip_outputs(model, photos))


def test_openai_archive(photos, tmp_path):
    """f16 matrices as OpenAI publishes them, f32 arithmetic as clip.load does on the CPU."""
    model = randomise(open_clip.create_model("ViT-B-16-quickgelu", precision="fp32"))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())
    scripted = copy.deepcopy(model)
    open_clip.convert_weights_to_lp(scripted, torch.float16)
    torch.jit.script(scripted.eval()).save(str(tmp_path / "m.pt"))
    converted(tmp_path / "m.sclip", "--from", "openai", tmp_path / "m.pt")
    check(tmp_path / "m.sclip", photos, *open_clip_outputs(model, photos))


@torch.no_grad()
@pytest.mark.parametrize("activation", ["quick_gelu", "gelu"])
def test_hugging_face(activation, photos, tmp_path):
    act = {"hidden_act": activation} | ({"num_hidden_layers": 2} if activation == "gelu" else {})
    config = CLIPConfig(vision_config={"patch_size": 16, **act}, text_config=act)
    model = randomise(CLIPModel(config))
    model.save_pretrained(tmp_path / "clip")
    converted(tmp_path / "m.sclip", "--from", "hf", tmp_path / "clip", "--dtype", "f32")
    tokens = open_clip.get_tokenizer("ViT-B-16")(TEXTS)
    check(tmp_path / "m.sclip", photos, model.get_image_features(pixel_values=photos[1]),
          model.get_text_features(input_ids=tokens))
