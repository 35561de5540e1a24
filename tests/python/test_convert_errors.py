"""What the converter refuses: one line that says what is wrong, exit code 2, no file left behind."""
import errno
import json
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch
from convert_support import TINY, convert, refused
from safetensors.torch import save_file

from tests.reference.random_weights import Shape, random_state_dict

PROJECTION = "visual.proj"
OUT_PROJ = "visual.transformer.resblocks.1.attn.out_proj.weight"


@pytest.fixture(name="state")
def tiny_state():
    """A good state dict to spoil."""
    return {k: torch.from_numpy(a).float() for k, a in random_state_dict(Shape(**TINY)).items()}


@pytest.fixture(name="refuse")
def refuse_state(tmp_path):
    """Saves a state dict, converts it with these options, returns the message."""
    def refuse(state, *options):
        torch.save(state, tmp_path / "bad.pt")
        return refused(tmp_path / "out.sclip", "--from", "openai", tmp_path / "bad.pt", *options)
    return refuse


def test_the_state_is_good_to_begin_with(state, tmp_path):
    torch.save(state, tmp_path / "good.pt")
    run = convert("--from", "openai", tmp_path / "good.pt", "-o", tmp_path / "out.sclip")
    assert run.returncode == 0 and "parameters" in run.stdout, run.stderr


def test_key_left_over(state, refuse):
    state["visual.extra.weight"] = torch.ones(3)
    assert "visual.extra.weight of the checkpoint has no place" in refuse(state)


def test_key_missing(state, refuse):
    del state[OUT_PROJ]
    message = refuse(state)
    assert OUT_PROJ in message and "missing" in message


def test_layer_missing_in_the_middle(state, refuse):
    state = {k: v for k, v in state.items() if ".resblocks.0." not in k}
    assert "blocks [1], blocks from 0 on" in refuse(state)


def test_shape(state, refuse):
    state[OUT_PROJ] = torch.zeros(64, 63)
    message = refuse(state)
    assert OUT_PROJ in message and "(64, 63)" in message and "(64, 64)" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_not_finite(state, refuse, value):
    state[OUT_PROJ][3, 5] = value
    message = refuse(state, "--dtype", "f32")
    assert OUT_PROJ in message and "(3, 5)" in message


def test_f16_overflow(state, refuse):
    state[PROJECTION][2, 1] = 70000
    message = refuse(state)
    assert "visual.projection: 70000 at (2, 1) overflows f16" in message and "bf16" in message


def test_f16_overflow_matters_to_f16_only(state, tmp_path):
    state[PROJECTION][2, 1] = 70000
    torch.save(state, tmp_path / "large.pt")
    for dtype in ("f32", "bf16"):
        run = convert("--from", "openai", tmp_path / "large.pt", "-o", tmp_path / "out.sclip", "--dtype", dtype)
        assert run.returncode == 0, run.stderr


def test_bf16_overflow(state, refuse):
    state[PROJECTION][2, 1] = 3.4e38
    assert "overflows bf16" in refuse(state, "--dtype", "bf16")


def test_integer_weights(state, refuse):
    state[OUT_PROJ] = torch.zeros(64, 64, dtype=torch.int32)
    assert "dtype i32" in refuse(state)


def test_resnet(state, refuse):
    state["visual.layer1.0.conv1.weight"] = torch.ones(1)
    assert "ResNet" in refuse(state)


def test_heads_unknown(refuse):
    shape = Shape(**{**TINY, "vision_width": 96})
    state = {k: torch.from_numpy(a) for k, a in random_state_dict(shape).items()}
    assert "--vision-heads" in refuse(state)
    assert "does not divide into 5 heads" in refuse(state, "--vision-heads", 5)


def test_width_that_the_format_cannot_hold(refuse):
    shape = Shape(**{**TINY, "vision_width": 80})
    state = {k: torch.from_numpy(a) for k, a in random_state_dict(shape).items()}
    assert "multiples of 32" in refuse(state, "--vision-heads", 5)


def test_vocabulary_without_merges(refuse):
    state = {k: torch.from_numpy(a) for k, a in random_state_dict(Shape(**{**TINY, "vocabulary": 300000})).items()}
    assert "--merges" in refuse(state)


@pytest.mark.parametrize("options, part", [
    (["--image-size", 40], "not a multiple of the patch"), (["--stride", 33], "leaves gaps"),
    (["--crop", 8], "smaller than a patch"), (["--merges", "/nowhere"], "/nowhere"),
    (["--dtype", "f8"], "--dtype"), (["--crop", "-1"], "--crop")])
def test_options(state, refuse, options, part):
    assert part in refuse(state, *options)


def test_open_clip_needs_a_name(state, tmp_path):
    torch.save(state, tmp_path / "m.pt")
    message = refused(tmp_path / "out.sclip", "--from", "open_clip", tmp_path / "m.pt")
    assert "--model" in message and "--config" in message


@pytest.mark.parametrize("section, key, value", [
    ("vision_cfg", "pool_type", "avg"), ("vision_cfg", "timm_model_name", "vit"), ("text_cfg", "embed_cls", True),
    ("text_cfg", "hf_model_name", "roberta"), ("vision_cfg", "norm_kwargs", {"eps": 1e-6})])
def test_open_clip_configs_of_other_architectures(state, tmp_path, section, key, value):
    torch.save(state, tmp_path / "m.pt")
    config = {"vision_cfg": {"width": 64}, "text_cfg": {"heads": 1}}
    config[section][key] = value
    (tmp_path / "c.json").write_text(json.dumps(config))
    message = refused(tmp_path / "out.sclip", "--from", "open_clip", tmp_path / "m.pt", "--config", tmp_path / "c.json")
    assert f"{section}.{key}" in message


def test_files_that_are_not_checkpoints(tmp_path):
    out, path = tmp_path / "out.sclip", tmp_path / "x.pt"
    assert "No such file" in refused(out, "--from", "openai", path)
    for content, part in ((b"", "empty"), (b"<html>not found</html>", "a web page"), (b"nonsense", "not a PyTorch file"),
                          (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"), (b"GGUF\3\0\0\0", "GGUF"),
                          (b"PK\x03\x04 and no more", "damaged"), (pickle.dumps([1, 2]), "not one that torch.save"),
                          (b"\x10\0\0\0\0\0\0\0{not JSON here}!", "corrupt"), (b"\xff" * 7 + b"\0{}", "truncated")):
        path.write_bytes(content)
        assert part in refused(out, "--from", "openai", path)
    assert "is a folder" in refused(out, "--from", "openai", tmp_path)
    assert "folder" in refused(out, "--from", "hf", path)


def test_truncated_files(state, tmp_path):
    out = tmp_path / "out.sclip"
    torch.save(state, tmp_path / "zip.pt")
    torch.save(state, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / "st.safetensors")
    for name in ("zip.pt", "old.pt", "st.safetensors"):
        path = tmp_path / name
        size = path.stat().st_size
        for share in (0.999, 0.5, 0.01):
            os.truncate(path, int(size * share))
            assert name in refused(out, "--from", "openai", path)


def test_a_pickle_that_would_run_code(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (os.system, (f"touch {tmp_path / 'ran'}",))

    torch.save({"visual.proj": Bomb()}, tmp_path / "bomb.pt")
    assert "system" in refused(tmp_path / "out.sclip", "--from", "openai", tmp_path / "bomb.pt")
    torch.save({"visual.proj": Bomb()}, tmp_path / "bomb.pt", _use_new_zipfile_serialization=False)
    assert "system" in refused(tmp_path / "out.sclip", "--from", "openai", tmp_path / "bomb.pt")
    assert not (tmp_path / "ran").exists()


def test_a_whole_module_is_not_a_state_dict(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "m.pt")
    assert "state_dict" in refused(tmp_path / "out.sclip", "--from", "openai", tmp_path / "m.pt")


def test_tensor_beyond_its_storage(tmp_path):
    torch.save({"visual.proj": torch.zeros(4, 4)}, tmp_path / "good.pt")
    with zipfile.ZipFile(tmp_path / "good.pt") as good, zipfile.ZipFile(tmp_path / "bad.pt", "w") as bad:
        for name in good.namelist():
            data = good.read(name)
            bad.writestr(name, data.replace(b"K\x04K\x04\x86", b"K\x04K\x7f\x86") if name.endswith("pkl") else data)
    assert "storage of 16" in refused(tmp_path / "out.sclip", "--from", "openai", tmp_path / "bad.pt")


def test_hf_folders(tmp_path):
    out, folder = tmp_path / "out.sclip", tmp_path / "clip"
    folder.mkdir()
    assert "config.json" in refused(out, "--from", "hf", folder)
    config = folder / "config.json"
    for content, part in (("{", "not valid JSON"), ("{}", "model_type"), ('{"model_type": "siglip"}', "siglip"),
                          ('{"model_type": "clip"}', "no weights")):
        config.write_text(content)
        assert part in refused(out, "--from", "hf", folder)
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../../etc/passwd"}}')
    assert "weight_map" in refused(out, "--from", "hf", folder)
    (folder / "model.safetensors.index.json").unlink()
    save_file({"a": torch.from_numpy(np.ones(3, np.float32))}, folder / "model.safetensors")
    config.write_text('{"model_type": "clip", "vision_config": {"hidden_act": "gelu"}}')
    assert "differs between the towers" in refused(out, "--from", "hf", folder)
    config.write_text('{"model_type": "clip", "vision_config": {"hidden_act": "relu"}, '
                      '"text_config": {"hidden_act": "relu"}}')
    assert "relu" in refused(out, "--from", "hf", folder)


def test_output_that_cannot_be_written(state, tmp_path):
    torch.save(state, tmp_path / "m.pt")
    missing = refused(tmp_path / "nowhere" / "out.sclip", "--from", "openai", tmp_path / "m.pt")
    assert "cannot write" in missing and "No such file" in missing


def test_a_full_disk_leaves_nothing(state, tmp_path, monkeypatch):
    from sclip_convert import cli
    torch.save(state, tmp_path / "m.pt")
    out = tmp_path / "out.sclip"
    out.write_bytes(b"old")

    def no_space(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    assert cli.main(["--from", "openai", str(tmp_path / "m.pt"), "-o", str(out)]) == 2
    assert out.read_bytes() == b"old" and not list(tmp_path.glob("out.sclip.tmp*"))


@pytest.mark.parametrize("source, shape", [("openai", ()), ("open_clip", ()), ("open_clip", (0,)), ("openai", (1,) * 8)])
def test_any_tensor_of_any_rank_is_an_error_and_no_traceback(state, source, shape, tmp_path):
    options = ["--activation", "gelu"] if source == "open_clip" else []
    for key in state:
        if key != "logit_scale":
            torch.save({**state, key: torch.ones(shape)}, tmp_path / "m.pt")
            assert "shape" in refused(tmp_path / "out.sclip", "--from", source, tmp_path / "m.pt", *options)
