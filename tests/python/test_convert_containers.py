"""One model in every container and behind every prefix gives one blob; several models are a question."""
import itertools

import pytest
import torch
from convert_kinds import B16, clip, contiguous, hugging_face
from convert_support import convert, refused
from safetensors.torch import save_file

SAME = ("--name", "m", "--source", "s")


@pytest.fixture(scope="module", name="state")
def model_state():
    return clip().state_dict()


@pytest.fixture(scope="module", name="bare")
def bare_blob(state, tmp_path_factory):
    return converted_bytes(state, tmp_path_factory.mktemp("bare"))


def converted_bytes(obj, folder, *options, source="open_clip", safetensors=False):
    """The blob of what was saved, with what records the file's own name and digest replaced."""
    path = folder / ("m.safetensors" if safetensors else "m.pt")
    if safetensors:
        save_file(contiguous(obj), path)
    else:
        torch.save(obj, path)
    run = convert("--from", source, path, *(B16 if source == "open_clip" else ()), *options, *SAME, "-o", folder / "m.sclip")
    assert run.returncode == 0, run.stderr
    return (folder / "m.sclip").read_bytes()


def prefixed(prefix, state):
    return {prefix + key: value for key, value in state.items()}


PREFIXES = ["module.", "_orig_mod.", "model.", "clip.", "net.clip_model.", "base_model.model.", "module.module."]


@pytest.mark.parametrize("prefix", PREFIXES + [a + b for a, b in itertools.permutations(PREFIXES[:3], 2)])
@pytest.mark.parametrize("safetensors", [False, True])
def test_prefixes(prefix, safetensors, state, bare, tmp_path):
    assert converted_bytes(prefixed(prefix, state), tmp_path, safetensors=safetensors) == bare


@pytest.mark.parametrize("place", ["state_dict", "model", "model_state_dict", "module", "ema", "anything.at.all",
                                   "model.state_dict"])
@pytest.mark.parametrize("prefix", ["", "module._orig_mod.", "model."])
def test_containers(place, prefix, state, bare, tmp_path):
    obj = prefixed(prefix, state)
    for name in reversed(place.split(".")):
        obj = {name: obj, "epoch": 3, "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}}, "loss": torch.ones(2)}
    assert converted_bytes(obj, tmp_path) == bare


def test_wrappers_inside_the_model(state, bare, tmp_path):
    """torch.compile, FSDP and checkpointing of parts put their names in the middle of keys."""
    def wrapped(key):
        key = key.replace("visual.transformer", "visual._orig_mod.transformer")
        return key.replace("attn.", "_fsdp_wrapped_module.attn.").replace("mlp.", "_checkpoint_wrapped_module.mlp.")
    assert converted_bytes({wrapped(key): value for key, value in state.items()}, tmp_path) == bare


@pytest.mark.parametrize("change", [
    lambda s: s.update({"logit_scale": s["logit_scale"].reshape(1)}),
    lambda s: s.update({"text.embeddings.position_ids": torch.arange(77), "position_ids": torch.arange(77).reshape(1, 77)}),
    lambda s: s.update({"attn_mask": torch.ones(77, 77)})])
def test_harmless_keys(change, state, bare, tmp_path):
    changed = dict(state)
    change(changed)
    assert converted_bytes(changed, tmp_path) == bare


@pytest.mark.parametrize("container", ["state_dict", "student", "student.model"])
def test_part_chooses_one_of_several(container, state, bare, tmp_path):
    other = {key: value * 2 if value.is_floating_point() else value for key, value in state.items()}
    other["logit_scale"] = state["logit_scale"]
    obj = {"state_dict": state, "ema": other} if container == "state_dict" else {
        **prefixed(container + ".", state), **prefixed("teacher.", other)}
    torch.save(obj, tmp_path / "m.pt")
    said = refused(tmp_path / "out.sclip", "--from", "open_clip", tmp_path / "m.pt", *B16)
    assert "2 models" in said and container in said
    assert converted_bytes(obj, tmp_path, "--part", container) == bare
    assert converted_bytes(obj, tmp_path, "--part", "ema" if container == "state_dict" else "teacher.") != bare
    assert "no CLIP under nowhere" in refused(tmp_path / "out.sclip", "--from", "open_clip", tmp_path / "m.pt", *B16, "--part",
                                              "nowhere")


def test_one_model_under_two_names_is_one(state, bare, tmp_path):
    """The same dictionary, pickled once."""
    assert converted_bytes({"model": state, "state_dict": state}, tmp_path) == bare


def test_keys_outside_the_prefix_are_not_lost(state, tmp_path):
    torch.save({**prefixed("model.", state), "classifier.weight": torch.ones(3, 3)}, tmp_path / "m.pt")
    assert "classifier.weight of the checkpoint has no place" in refused(
        tmp_path / "m.sclip", "--from", "open_clip", tmp_path / "m.pt", *B16)


def test_two_keys_that_differ_by_a_wrapper(state, tmp_path):
    torch.save({**state, "module.visual.proj": state["visual.proj"]}, tmp_path / "m.pt")
    assert "visual.proj is there twice" in refused(tmp_path / "m.sclip", "--from", "open_clip", tmp_path / "m.pt", *B16)


def test_openai_prefixes_too(state, tmp_path):
    quick = clip(True).state_dict()
    assert converted_bytes(quick, tmp_path, source="openai") == converted_bytes(
        {"state_dict": prefixed("module.", quick)}, tmp_path, source="openai")


HF_CHANGES = {
    "position ids": lambda s: {**s, "text_model.embeddings.position_ids": torch.arange(77).reshape(1, 77),
                               "vision_model.embeddings.position_ids": torch.arange(17)},
    "a prefix": lambda s: prefixed("model.", s), "wrapped": lambda s: prefixed("_orig_mod.module.", s),
    "no text_model": lambda s: {key.removeprefix("text_model."): value for key, value in s.items()},
    "doubled": lambda s: {key.replace("vision_model.", "vision_model.vision_model.").replace(
        "text_model.", "text_model.text_model."): value for key, value in s.items()},
    "logit_scale of one element": lambda s: {**s, "logit_scale": s["logit_scale"].reshape(1)}}


@pytest.mark.parametrize("change", HF_CHANGES)
@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_hugging_face_keys(change, name, tmp_path):
    model = hugging_face()
    model.save_pretrained(tmp_path / "hf")
    first = convert("--from", "hf", tmp_path / "hf", *SAME, "-o", tmp_path / "a.sclip")
    (tmp_path / "hf/model.safetensors").unlink()
    state = HF_CHANGES[change](model.state_dict())
    if name.endswith(".bin"):
        torch.save({"state_dict": state} if change == "wrapped" else state, tmp_path / "hf" / name)
    else:
        save_file(contiguous(state), tmp_path / "hf" / name)
    second = convert("--from", "hf", tmp_path / "hf", *SAME, "-o", tmp_path / "b.sclip")
    assert (first.returncode, second.returncode) == (0, 0), second.stderr
    assert (tmp_path / "a.sclip").read_bytes() == (tmp_path / "b.sclip").read_bytes()
