"""`.safetensors` files that lie: each lie gets its own message, and none makes the reader allocate by it."""
import json
import tracemalloc

import numpy as np
import pytest
import torch
from convert_support import converted, refused
from safetensors.torch import load_file, save_file

from sclip_convert.safetensors_file import read_safetensors

ENTRY = {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}


def header(entries, payload=16):
    """A file's bytes; `entries` is an object or the header's text."""
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text + bytes(payload)


def one(**changes):
    return header({"a": {**ENTRY, **changes}})


HUGE = {f"header of {length} bytes": (length.to_bytes(8, "little") + b'{"a": 1}' + bytes(90), f"a header of {length} bytes")
        for length in (2**63, 2**64 - 1, 2**40, 99)}
LIES = {
    **HUGE,
    "not an object": (header(b"{[1]}"), "corrupt"),
    "not JSON": (header(b'{"a":'), "corrupt"),
    "not UTF-8": (header(b'{"\xff": 1}'), "corrupt"),
    "NaN": (header(b'{"a": {"dtype": "F32", "shape": [NaN], "data_offsets": [0, 16]}}'), "NaN is not JSON"),
    "a thousand levels": (header(b'{"a": ' + b"[" * 1000 + b"]" * 1000 + b"}"), "nests too deep"),
    "a hundred levels": (header(b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}"), "not described by"),
    "a million levels": (header(b'{"a": ' + b"[" * 10**6 + b"]" * 10**6 + b"}"), "nests too deep"),
    "a number of a million digits": (header(b'{"a": ' + b"9" * 10**6 + b"}"), "corrupt"),
    "the same key twice": (header(b'{"a": %b, "a": %b}' % ((json.dumps(ENTRY).encode(),) * 2)), "'a' occurs twice"),
    "the same attribute twice": (header(b'{"a": {"dtype": "F32", "dtype": "F16", "shape": [4], "data_offsets": [0, 16]}}'),
                                 "'dtype' occurs twice"),
    "metadata of numbers": (header({"__metadata__": {"a": 1}, "a": ENTRY}), "not a map of strings"),
    "an attribute missing": (header({"a": {"dtype": "F32", "shape": [2, 2]}}), "not described by"),
    "an attribute more": (one(strides=[1]), "not described by"),
    "a tensor that is a number": (header({"a": 5}), "not described by"),
    "an unknown dtype": (one(dtype="XX"), "has dtype XX, known are"),
    "a dtype that is a list": (one(dtype=["F32"]), "known are"),
    "F8": (one(dtype="F8_E4M3", shape=[16]), "has dtype F8_E4M3"),
    "no offsets": (one(data_offsets=[]), "a begin and an end are needed"),
    "three offsets": (one(data_offsets=[0, 8, 16]), "a begin and an end are needed"),
    "offsets of text": (one(data_offsets=["0", "16"]), "a begin and an end are needed"),
    "fractional offsets": (one(data_offsets=[0.0, 16.0]), "a begin and an end are needed"),
    "negative offsets": (one(data_offsets=[-16, 0]), "a begin and an end are needed"),
    "backward offsets": (one(data_offsets=[8, 4]), "run backwards, from 8 to 4"),
    "offsets past the end": (one(data_offsets=[16, 32]), "ends at byte 32 of a payload of 16"),
    "offsets of 2^63": (one(data_offsets=[0, 2**63]), "of a payload of 16"),
    "a span that is too short": (one(data_offsets=[0, 12]), "takes 16 bytes, its data_offsets span 12"),
    "a shape that is too large": (one(shape=[2, 3]), "takes 24 bytes, its data_offsets span 16"),
    "a shape beyond 64 bits": (one(shape=[2**33, 2**33]), "its data_offsets span 16"),
    "a shape that wraps to the right size": (one(shape=[2**40, 2**26, 4, 1]), "its data_offsets span 16"),
    "an extent of 2^60": (one(shape=[2**60]), "sizes from 0 on"),
    "a negative extent": (one(shape=[-2, -2]), "sizes from 0 on"),
    "a truth value for an extent": (one(shape=[True, 4]), "sizes from 0 on"),
    "a thousand dimensions": (one(shape=[1] * 1000), "up to 8 sizes"),
    "overlapping tensors": (header({"a": ENTRY, "b": {**ENTRY, "data_offsets": [8, 24]}}, 24), "overlaps tensor a"),
    "the same bytes twice": (header({"a": ENTRY, "b": ENTRY}), "overlaps tensor a"),
    "a gap": (header({"a": ENTRY, "b": {**ENTRY, "data_offsets": [24, 40]}}, 40), "a gap of 8 bytes after tensor a"),
    "bytes left over": (header({"a": ENTRY}, 20), "4 bytes follow tensor a"),
}


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_named(name, tmp_path):
    data, message = LIES[name]
    path = tmp_path / "m.safetensors"
    path.write_bytes(data)
    tracemalloc.start()
    said = refused(tmp_path / "out.sclip", "--from", "openai", path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert message in said and "m.safetensors" in said
    # Python's own objects for the JSON's levels are the most: some 100 bytes for each of the file's.
    assert peak < 2 << 20 or peak < 100 * len(data)


def test_cut_anywhere(tmp_path):
    path = tmp_path / "m.safetensors"
    data = header({"a": ENTRY})
    for size in range(1, len(data)):
        path.write_bytes(data[:size])
        refused(tmp_path / "out.sclip", "--from", "openai", path)


def test_flipped_bits_raise_nothing_else(tmp_path):
    """Whatever a bit does to the header, the reader answers with its own error, or with tensors inside the file."""
    path = tmp_path / "m.safetensors"
    good = header({"a": ENTRY, "b": {"dtype": "F16", "shape": [3], "data_offsets": [16, 22]}}, 22)
    for bit in range(8 * (len(good) - 22)):
        data = bytearray(good)
        data[bit // 8] ^= 1 << bit % 8
        path.write_bytes(data)
        if data[8:9] == b"{":
            try:
                for tensor in read_safetensors(path).values():
                    assert tensor.numpy().size <= 22
            except Exception as error:  # pylint: disable=broad-except
                assert type(error).__name__ == "ConvertError", (bit, error)


def test_every_value_of_two_bytes_is_kept(tmp_path):
    """F16 and BF16 have 65,536 values each: subnormals, both zeros, all exact in f32."""
    bits = torch.arange(65536, dtype=torch.int32).to(torch.uint16)
    state = {"f16": bits.view(torch.float16), "bf16": bits.clone().view(torch.bfloat16)}
    save_file(state, tmp_path / "m.safetensors")
    ours, theirs = read_safetensors(tmp_path / "m.safetensors"), load_file(tmp_path / "m.safetensors")
    for name in state:
        read, expected = ours[name].numpy().astype(np.float32), theirs[name].float().numpy()
        finite = np.isfinite(expected)
        np.testing.assert_array_equal(read.view(np.uint32)[finite], expected.view(np.uint32)[finite])
        assert (np.isnan(read) == np.isnan(expected)).all() and (np.isinf(read) == np.isinf(expected)).all()


def test_tiny_values_reach_the_blob(tmp_path):
    """Subnormals of f16 and the sign of zero, from a checkpoint of F16, BF16 and F32 to blobs of f32 and f16."""
    from convert_kinds import clip, contiguous
    state = clip().state_dict()
    special = torch.tensor([6e-8, -6e-8, 0.0, -0.0, 5.96e-8, 6.1e-5, 65504.0, 1.0])
    for dtype in (torch.float16, torch.float32):
        state["visual.proj"] = torch.cat([special, torch.ones(64 * 32 - 8)]).reshape(64, 32).to(dtype)
        save_file(contiguous(state), tmp_path / "m.safetensors")
        for to in ("f32", "f16"):
            blob, _ = converted(tmp_path / "m.sclip", "--from", "open_clip", tmp_path / "m.safetensors", "--activation",
                                "gelu", "--dtype", to)
            expected = state["visual.proj"].to(torch.float16 if to == "f16" else torch.float32).float().numpy()
            np.testing.assert_array_equal(blob["visual.projection"].view(np.uint32), expected.view(np.uint32))
