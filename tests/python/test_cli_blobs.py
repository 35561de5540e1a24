"""Weight files that are damaged, foreign or malicious are refused before anything is written."""
import hashlib
import json
import struct

import pytest
from cli_support import CHINA, CLASSES, ROOT, fail, files_in, join_blob, pytestmark, split_blob, succeed  # noqa: F401

TINY = ROOT / "tests/data/goldens/tiny.sclip"


def refused(tmp_path, data: bytes) -> str:
    blob = tmp_path / "bad.sclip"
    blob.write_bytes(data)
    line = fail("segment", CHINA, "-c", CLASSES, "--model", blob, "--no-cache", "-o", tmp_path / "out")
    assert "bad.sclip" in line
    assert not (tmp_path / "out").exists() or files_in(tmp_path / "out") == []
    assert "bad.sclip" in fail("info", blob)
    return line


def edited(change) -> bytes:
    """The blob with its header changed and the header's hash made right again."""
    header, payload = split_blob(TINY.read_bytes())
    change(header)
    header["__metadata__"]["header_sha256"] = "0" * 64
    data = join_blob(header, payload)
    (length,) = struct.unpack("<Q", data[:8])
    header["__metadata__"]["header_sha256"] = hashlib.sha256(data[8:8 + length]).hexdigest()
    return join_blob(header, payload)


def tensors(header) -> list[str]:
    return [name for name in header if name != "__metadata__"]


def test_the_edit_itself_is_harmless(tmp_path):
    (tmp_path / "same.sclip").write_bytes(edited(lambda header: None))
    succeed("info", tmp_path / "same.sclip")


@pytest.mark.parametrize("size", [0, 4, 8, 100, 5000, -1])
def test_truncated(size, tmp_path):
    data = TINY.read_bytes()
    refused(tmp_path, data[:size])


def test_longer(tmp_path):
    refused(tmp_path, TINY.read_bytes() + b"\x00" * 64)


def test_corrupted(tmp_path):
    data = bytearray(TINY.read_bytes())
    (length,) = struct.unpack("<Q", data[:8])
    for place in (20, 8 + length // 2, 8 + length + 1000, len(data) - 5):
        damaged = bytearray(data)
        damaged[place] ^= 0x10
        refused(tmp_path, bytes(damaged))


def test_not_a_blob(tmp_path):
    refused(tmp_path, CHINA.read_bytes())
    refused(tmp_path, struct.pack("<Q", 2**63) + b"{}")
    refused(tmp_path, struct.pack("<Q", 2) + b"{}" + b" " * 54)


def test_wrong_version(tmp_path):
    line = refused(tmp_path, edited(lambda h: h["__metadata__"].update(format_version="7")))
    assert "version" in line and "7" in line


def test_overlapping_tensors(tmp_path):
    def overlap(header):
        first, second = tensors(header)[:2]
        size = header[second]["data_offsets"][1] - header[second]["data_offsets"][0]
        begin = header[first]["data_offsets"][0]
        header[second]["data_offsets"] = [begin, begin + size]

    line = refused(tmp_path, edited(overlap))
    assert tensors(split_blob(TINY.read_bytes())[0])[1] in line


def test_tensor_beyond_the_file(tmp_path):
    def beyond(header):
        entry = header[tensors(header)[-1]]
        entry["data_offsets"][1] += 1 << 40
        entry["shape"][0] += 1 << 40

    refused(tmp_path, edited(beyond))


def test_missing_unknown_and_misshapen_tensors(tmp_path):
    name, after = tensors(split_blob(TINY.read_bytes())[0])[3:5]
    assert after in refused(tmp_path, edited(lambda h: h.pop(name)))  # the gap before it
    assert "intruder" in refused(tmp_path, edited(lambda h: h.update(intruder=dict(h[name]))))
    assert name in refused(tmp_path, edited(lambda h: h[name].update(dtype="I64")))
    assert name in refused(tmp_path, edited(lambda h: h[name].update(shape=[1, *h[name]["shape"]])))


def test_config_that_contradicts_itself(tmp_path):
    def heads(header):
        config = json.loads(header["__metadata__"]["config"])
        config["vision"]["heads"] = 7
        header["__metadata__"]["config"] = json.dumps(config)

    assert "heads" in refused(tmp_path, edited(heads))


def test_no_such_file(tmp_path):
    assert "nowhere.sclip" in fail("info", tmp_path / "nowhere.sclip")
    assert str(tmp_path) in fail("info", tmp_path)
