"""What the tests of pictures share: the decoder's tool, and pictures in the kinds that people have."""
import io
import json
import os
import pathlib
import struct
import subprocess
import zlib

import numpy as np
from PIL import Image, PngImagePlugin

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = pathlib.Path(os.environ.get("SCLIP_BUILD", ROOT / "build")) / "sclip_decode_pictures"
CHINA = ROOT / "tests/data/photos/china.jpg"


def decode(files, *options):
    """Of each file its pixels (height, width, 3), or what the decoder says of it: {"error", "code"}."""
    files = [str(f) for f in files]
    done = subprocess.run([TOOL, *options, *files], capture_output=True, text=True)
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(files)
    out = []
    for file, answer in zip(files, answers):
        if "error" not in answer:
            pixels = np.fromfile(file + ".rgb", np.uint8).reshape(answer["height"], answer["width"], 3)
            os.remove(file + ".rgb")
            answer["pixels"] = pixels
        out.append(answer)
    return out


def pixels_of(file, *options):
    answer = decode([file], *options)[0]
    assert "error" not in answer, answer
    return answer["pixels"]


def error_of(file, *options):
    answer = decode([file], *options)[0]
    assert "error" in answer, f"{file} was decoded"
    assert "\n" not in answer["error"] and pathlib.Path(file).name in answer["error"]
    return answer["error"]


def pillow(file):
    """What Pillow makes of a file: RGB, as stored (not turned), alpha dropped."""
    return np.asarray(Image.open(file).convert("RGB"))


def photo(width, height):
    """A part of a photograph: edges, texture and saturated colours."""
    whole = Image.open(CHINA)
    return whole.crop((120, 60, 120 + width, 60 + height))


def save(path, data):
    path.write_bytes(data)
    return path


def encoded(picture, kind, **options):
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def jpeg_segments(data):
    """(marker, offset, end) of each segment up to the scan."""
    at, out = 2, []
    while True:
        assert data[at] == 0xFF
        end = at + 2 + struct.unpack(">H", data[at + 2:at + 4])[0]
        out.append((data[at + 1], at, end))
        if data[at + 1] == 0xDA:
            return out
        at = end


def without_segments(data, markers):
    for marker, begin, end in reversed(jpeg_segments(data)):
        if marker in markers:
            data = data[:begin] + data[end:]
    return data


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def exif_block(value, kind=3, order="<", count=1):
    """A TIFF header and a directory of one entry, the orientation, as TIFF type `kind`."""
    size = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}[kind]
    field = struct.pack(order + size, value).ljust(4, b"\0")
    return ((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IHHHI", 8, 1, 0x112, kind, count) + field
            + struct.pack(order + "I", 0))


def tiled_tiff(path, width, height, side=500, kinds=6):
    """A large deflated RGB TIFF of few tiles, each used many times; the picture is never held."""
    base = photo(400, 280).resize((side * 3, side * 2))
    tiles = [zlib.compress(np.asarray(base.crop((k % 3 * side, k // 3 * side, (k % 3 + 1) * side, (k // 3 + 1) * side))).tobytes(), 1)
             for k in range(kinds)]
    starts = [8 + sum(len(t) for t in tiles[:k]) for k in range(kinds)]
    chosen = [(7 * x + 3 * y + x * y) % kinds for y in range(-(-height // side)) for x in range(-(-width // side))]
    entries = [(256, 4, [width]), (257, 4, [height]), (258, 3, [8, 8, 8]), (259, 3, [8]), (262, 3, [2]), (277, 3, [3]), (284, 3, [1]),
               (322, 4, [side]), (323, 4, [side]), (324, 4, [starts[k] for k in chosen]), (325, 4, [len(tiles[k]) for k in chosen])]
    data = b"".join(tiles)
    data += b"\0" * (len(data) % 2)
    at, ifd, tail = 8 + len(data), struct.pack("<H", len(entries)), b""
    for tag, kind, values in entries:
        field = b"".join(struct.pack({3: "<H", 4: "<I"}[kind], v) for v in values)
        if len(field) > 4:
            where = at + 2 + 12 * len(entries) + 4 + len(tail)
            tail += field + b"\0" * (len(field) % 2)
            field = struct.pack("<I", where)
        ifd += struct.pack("<HHI", tag, kind, len(values)) + field.ljust(4, b"\0")
    path.write_bytes(struct.pack("<2sHI", b"II", 42, at) + data + ifd + struct.pack("<I", 0) + tail)
    return path


def with_exif(jpeg, block):
    payload = b"Exif\0\0" + block
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + jpeg[2:]


def exif_bytes(value):
    """As Pillow writes it."""
    exif = Image.Exif()
    exif[0x112] = value
    return exif.tobytes()


def oriented(picture, container, block):
    """`picture` in a file that carries the EXIF block the container's way."""
    if container == "jpg":
        return with_exif(encoded(picture, "jpeg"), block)
    if container == "webp":
        return encoded(picture, "webp", lossless=True, exif=b"Exif\0\0" + block)
    if container == "png":
        data = encoded(picture, "png")
        return data[:33] + png_chunk(b"eXIf", block) + data[33:]
    text = PngImagePlugin.PngInfo()
    profile = "\nexif\n%8d\n%s\n" % (len(block) + 6, "\n".join((b"Exif\0\0" + block).hex()[i:i + 72] for i in range(0, 2 * len(block) + 12, 72)))
    text.add_text("Raw profile type exif", profile, zip=container == "png-ztext")
    return encoded(picture, "png", pnginfo=text)
