"""Tensors that are missing or turned round: whichever it is, the message has its key, the shape found and the one needed."""
import open_clip
import pytest
import torch
from convert_kinds import B16, hugging_face
from convert_support import converted, randomise, refused
from safetensors.torch import save_file

# No two sizes alike, so that every transposed matrix can be told.
VISION = {"width": 64, "layers": 1, "patch_size": 16, "image_size": 64, "mlp_ratio": 3}
TEXT = {"width": 128, "layers": 1, "heads": 2, "context_length": 77, "vocab_size": 49408, "mlp_ratio": 2}


def open_clip_state():
    model = randomise(open_clip.CLIP(embed_dim=32, vision_cfg=VISION, text_cfg=TEXT))
    return {key: value.contiguous() for key, value in model.state_dict().items()}


def hugging_face_state():
    return {key: value.contiguous() for key, value in hugging_face().state_dict().items()}


KEYS = {"open_clip": [key for key in open_clip_state() if key not in ("logit_scale", "attn_mask")],
        "hf": [key for key in hugging_face_state() if key != "logit_scale"]}


@pytest.fixture(scope="module", name="good")
def good_states():
    return {"open_clip": open_clip_state(), "hf": hugging_face_state()}


@pytest.fixture(scope="module", name="arguments")
def arguments_of_both(tmp_path_factory):
    """{source: (file to write, arguments)}."""
    folder = tmp_path_factory.mktemp("shapes")
    hugging_face().save_pretrained(folder / "hf")
    return {"open_clip": (folder / "m.safetensors", [folder / "m.safetensors", *B16]),
            "hf": (folder / "hf/model.safetensors", [folder / "hf"])}


CASES = [(source, key) for source, keys in KEYS.items() for key in keys]


def needed(shape):
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def agrees(said, shape):
    """The message may have letters for sizes that nothing else tells."""
    shapes = [needed(shape), needed(shape).replace(",)", ")")]
    letters = [f"({first}, {second})" for first in ("V", "T", "N", shape[0]) for second in ("E", shape[-1])]
    return any(text in said for text in shapes + letters + [f"({shape[0]}, 3, P, P)", "(C)", "(F)"])


@pytest.mark.parametrize("source, key", CASES)
def test_missing(source, key, good, arguments, tmp_path):
    path, options = arguments[source]
    save_file({name: value for name, value in good[source].items() if name != key}, path)
    said = refused(tmp_path / "m.sclip", "--from", source, *options)
    assert f"tensor {key} of shape " in said and "is missing" in said and agrees(said, good[source][key].shape), said


@pytest.mark.parametrize("source, key", CASES)
def test_turned_round(source, key, good, arguments, tmp_path):
    value = good[source][key]
    if value.ndim == 1 or value.shape == value.mT.shape:
        changed = value[..., :-1].contiguous()  # nothing to turn round: too short then
    else:
        changed = value.mT.contiguous()
    path, options = arguments[source]
    save_file({**good[source], key: changed}, path)
    said = refused(tmp_path / "m.sclip", "--from", source, *options)
    assert f"tensor {key} has shape {tuple(changed.shape)}" in said and agrees(said, value.shape), said
    assert ("it is transposed" in said) == (value.ndim == 2 and changed.shape == value.mT.shape), said


@pytest.mark.parametrize("shape", [(2,), (1, 1), (2, 2)])
def test_logit_scale_of_another_shape(shape, good, arguments, tmp_path):
    path, options = arguments["open_clip"]
    save_file({**good["open_clip"], "logit_scale": torch.ones(shape)}, path)
    assert "logit_scale has shape" in refused(tmp_path / "m.sclip", "--from", "open_clip", *options)


@pytest.mark.parametrize("scale", [torch.tensor(3.0), torch.tensor([3.0])])
def test_logit_scale_of_both_shapes(scale, good, arguments, tmp_path):
    path, options = arguments["open_clip"]
    save_file({**good["open_clip"], "logit_scale": scale}, path)
    _, metadata = converted(tmp_path / "m.sclip", "--from", "open_clip", *options)
    assert metadata["config"]["logit_scale"] == pytest.approx(20.085537)
