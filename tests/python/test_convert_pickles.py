"""torch.save's files: read without running anything of theirs, whatever they hold beside the weights."""
import argparse
import collections
import os
import pathlib
import struct
import zipfile

import numpy as np
import pytest
import torch
from convert_kinds import B16, clip
from convert_support import converted, refused

GLOBALS = {"os.system": b"cposix\nsystem\n", "eval": b"cbuiltins\neval\n", "getattr": b"cbuiltins\ngetattr\n",
           "a class of torch": b"ctorch.hub\nload\n", "numpy's loader": b"cnumpy\nload\n", "runpy": b"crunpy\nrun_path\n"}


def archive(path, pickled):
    """A ZIP as torch.save writes it, with this pickle."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("m/data.pkl", pickled)


def refuse(tmp_path, pickled):
    archive(tmp_path / "m.pt", pickled)
    return refused(tmp_path / "m.sclip", "--from", "open_clip", tmp_path / "m.pt", *B16)


@pytest.mark.parametrize("name", GLOBALS)
@pytest.mark.parametrize("call", [b"(S'touch ran'\ntR.", b"(S'touch ran'\no.", b"."])
def test_a_global_that_could_run_code(name, call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = GLOBALS[name]
    pickled = b"(" + code + call[1:] if call.endswith(b"o.") else code + call
    assert "the pickle asks for" in refuse(tmp_path, pickled)
    assert not (tmp_path / "ran").exists()


def test_the_readers_own_functions_cannot_be_changed(tmp_path):
    for name in ("_rebuild_tensor_v2", "_rebuild_parameter"):
        state = b"}(S'__defaults__'\n)u"
        assert "tries to change" in refuse(tmp_path, b"ctorch._utils\n" + name.encode() + b"\n" + state + b"b.")
    assert "tries to change" in refuse(tmp_path, b"ctorch\nFloatStorage\n}S'dtype'\nS'f64'\nsb.")
    converted_well(tmp_path)


def converted_well(tmp_path):
    torch.save(clip().state_dict(), tmp_path / "good.pt")
    converted(tmp_path / "good.sclip", "--from", "open_clip", tmp_path / "good.pt", *B16)


@pytest.mark.parametrize("pickled, says", [
    (b"\x80\x02}r\xff\xff\xff\x7f.", "remembers as number 2147483647"), (b"\x80\x02}p999999999\n.", "remembers as number"),
    (b"\x80\x02X\xff\xff\xff\x7fab.", "corrupt"), (b"\x80\x04\x8d" + b"\xff" * 7 + b"\x7fab.", "corrupt"),
    (b"\x80\x02" + b"(" * 10**6, "corrupt"), (b"", "corrupt"), (b"\x80\x02}", "corrupt"),
    (b"\x80\x02" + b"]" * 10**5 + b"a" * (10**5 - 1) + b".", "no state dict")])
def test_pickles_that_ask_for_memory_or_depth(pickled, says, tmp_path):
    assert says in refuse(tmp_path, pickled)


def test_dictionaries_nested_a_hundred_thousand_deep(tmp_path):
    pickled = b"\x80\x02" + b"}U\x01a" * 10**5 + b"}" + b"s" * 10**5 + b"."
    assert "no state dict" in refuse(tmp_path, pickled)


def test_a_tensor_that_repeats_one_element(tmp_path):
    """Stride 0 makes a tensor of any size from a storage of one element."""
    state = clip().state_dict()
    state["visual.proj"] = torch.ones(1, 1).expand(64, 32)
    torch.save(state, tmp_path / "m.pt")
    said = refused(tmp_path / "m.sclip", "--from", "open_clip", tmp_path / "m.pt", *B16)
    assert "(64, 32) repeats the elements of a storage of 1" in said


def test_a_compressed_archive(tmp_path):
    torch.save(clip().state_dict(), tmp_path / "m.pt")
    with zipfile.ZipFile(tmp_path / "m.pt") as good, zipfile.ZipFile(tmp_path / "z.pt", "w", zipfile.ZIP_DEFLATED) as bad:
        for name in good.namelist():
            bad.writestr(name, good.read(name))
    said = refused(tmp_path / "m.sclip", "--from", "open_clip", tmp_path / "z.pt", *B16)
    assert "is compressed" in said


def test_an_archive_whose_code_is_garbage_converts(tmp_path):
    """The code of a TorchScript archive is not so much as read."""
    script = torch.jit.script(clip(True))
    script.save(str(tmp_path / "m.pt"))
    replaced = 0
    with zipfile.ZipFile(tmp_path / "m.pt") as good, zipfile.ZipFile(tmp_path / "g.pt", "w") as other:
        for name in good.namelist():
            is_code = "/code/" in name
            replaced += is_code
            other.writestr(name, b"raise SystemExit" if is_code else good.read(name))
    assert replaced > 3
    with pytest.raises(RuntimeError):
        torch.jit.load(str(tmp_path / "g.pt"))
    first, _ = converted(tmp_path / "m.sclip", "--from", "openai", tmp_path / "m.pt")
    second, _ = converted(tmp_path / "g.sclip", "--from", "openai", tmp_path / "g.pt")
    for name, value in first.items():
        np.testing.assert_array_equal(second[name], value)


def test_what_training_scripts_save_beside_the_weights(tmp_path):
    """numpy's numbers and arrays, paths, options, sets, devices: read past, and the result is as without them."""
    state = clip().state_dict()
    extras = {"args": argparse.Namespace(path=pathlib.Path("x"), device=torch.device("cpu"), dtype=torch.float16),
              "best": np.float64(0.5), "history": np.arange(5), "seen": {1, 2}, "rng": np.random.RandomState(1).get_state(),
              "counts": collections.Counter("abc"), "groups": collections.defaultdict(list, a=[1]), "version": torch.__version__,
              "rng_torch": torch.get_rng_state()}
    for old in (False, True):
        torch.save({**extras, "state_dict": state}, tmp_path / "m.pt", _use_new_zipfile_serialization=not old)
        blob, _ = converted(tmp_path / "m.sclip", "--from", "open_clip", tmp_path / "m.pt", *B16, "--dtype", "f32")
        np.testing.assert_array_equal(blob["visual.projection"], state["visual.proj"].numpy())


def test_the_stand_ins_are_only_what_they_are_meant_for():
    """Nothing that the reader hands out is the real thing, but for two containers without side effects."""
    from sclip_convert import unpickler
    real = {name for name, value in unpickler.ALLOWED.items() if getattr(value, "__module__", "") != unpickler.__name__}
    assert real == {("collections", "OrderedDict"), ("torch", "Size")}


def test_devices_and_pipes_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", "/dev/zero"):
        assert "not a regular file" in refused(tmp_path / "m.sclip", "--from", "openai", path)


def test_bits_flipped_in_a_pickle_raise_nothing_else(tmp_path):
    """Any bit of data.pkl: a converted model or one line of refusal, never a traceback or another's code."""
    from sclip_convert import cli
    torch.save({"visual.proj": torch.zeros(2, 2), "logit_scale": torch.tensor([1.0])}, tmp_path / "good.pt")
    with zipfile.ZipFile(tmp_path / "good.pt") as good:
        members = {name: good.read(name) for name in good.namelist()}
    name = next(name for name in members if name.endswith("data.pkl"))
    for bit in range(8 * len(members[name])):
        data = bytearray(members[name])
        data[bit // 8] ^= 1 << bit % 8
        with zipfile.ZipFile(tmp_path / "bad.pt", "w") as bad:
            for other, content in members.items():
                bad.writestr(other, bytes(data) if other == name else content)
        assert cli.main(["--from", "openai", str(tmp_path / "bad.pt"), "-o", str(tmp_path / "m.sclip")]) == 2, bit


def test_a_legacy_file_with_absurd_counts(tmp_path):
    torch.save({"visual.proj": torch.zeros(2, 2)}, tmp_path / "m.pt", _use_new_zipfile_serialization=False)
    data = (tmp_path / "m.pt").read_bytes()
    place = data.rindex(struct.pack("<q", 4))
    for count in (5, 2**40, 2**63 - 1, 2**64 - 1):
        (tmp_path / "m.pt").write_bytes(data[:place] + struct.pack("<Q", count) + data[place + 8:])
        assert "truncated" in refused(tmp_path / "m.sclip", "--from", "openai", tmp_path / "m.pt")
