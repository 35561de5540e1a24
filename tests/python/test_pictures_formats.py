"""PNG, GIF, WebP, TIFF, HEIC and AVIF beside Pillow and OpenCV; orientation; files that lie about what they are."""
import struct
import subprocess
import zlib

import cv2
import numpy as np
import pytest
from picture_support import (decode, encoded, error_of, exif_block, exif_bytes, oriented, photo, pillow, pixels_of, png_chunk, save,
                             with_exif)
from PIL import Image, ImageOps


def same(files, expected=None):
    answers = decode(files)
    for number, (file, answer) in enumerate(zip(files, answers)):
        assert "error" not in answer, answer
        assert np.array_equal(answer["pixels"], pillow(file) if expected is None else expected[number]), file.name
    for file, whole, rows in zip(files, answers, decode(files, "--rows", "3")):
        assert np.array_equal(rows["pixels"], whole["pixels"]), f"{file.name} by rows"


# ---- PNG

ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def png(samples, depth, colour, interlaced=False, before=b"", after=b""):
    """samples (height, width, channels), as they are stored."""
    height, width = samples.shape[:2]
    passes = [samples[y::dy, x::dx] for x, y, dx, dy in ADAM7] if interlaced else [samples]
    rows = b""
    for part in passes:
        if part.size == 0:
            continue
        for row in part.reshape(part.shape[0], -1):
            if depth == 16:
                packed = row.astype(">u2").tobytes()
            else:
                text = "".join(format(int(v), f"0{depth}b") for v in row)
                text += "0" * (-len(text) % 8)
                packed = int(text, 2).to_bytes(len(text) // 8, "big")
            rows += b"\0" + packed
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + before + png_chunk(b"IDAT", zlib.compress(rows)) + after
            + png_chunk(b"IEND", b""))


@pytest.mark.parametrize("interlaced", [False, True])
def test_png_kinds(interlaced, tmp_path):
    rng = np.random.default_rng(3)
    shape = (29, 43)
    files, expected = [], []

    def add(name, data, pixels):
        files.append(save(tmp_path / f"{name}.png", data))
        expected.append(pixels)

    for depth in (1, 2, 4, 8):
        index = rng.integers(0, 1 << depth, (*shape, 1))
        table = rng.integers(0, 256, (1 << depth, 3))
        palette = png_chunk(b"PLTE", table.astype(np.uint8).tobytes())
        clear = png_chunk(b"tRNS", rng.integers(0, 256, 1 << depth).astype(np.uint8).tobytes())
        add(f"palette{depth}", png(index, depth, 3, interlaced, palette), table[index[..., 0]])
        add(f"palette{depth}-trns", png(index, depth, 3, interlaced, palette + clear), table[index[..., 0]])
        grey = np.repeat(index * 255 // ((1 << depth) - 1), 3, -1)
        add(f"grey{depth}", png(index, depth, 0, interlaced), grey)
        add(f"grey{depth}-trns", png(index, depth, 0, interlaced, png_chunk(b"tRNS", b"\0\1")), grey)
    for depth in (8, 16):
        for name, colour, channels in (("grey", 0, 1), ("rgb", 2, 3), ("la", 4, 2), ("rgba", 6, 4)):
            samples = rng.integers(0, 1 << depth, (*shape, channels))
            seen = samples[..., :1].repeat(3, -1) if channels <= 2 else samples[..., :3]
            add(f"{name}-{depth}", png(samples, depth, colour, interlaced), seen >> (depth - 8))
    same(files, expected)
    for file, pixels in zip(files, expected):
        if "trns" not in file.name:  # OpenCV has its own idea of what a transparent grey is
            assert np.array_equal(cv2.imread(str(file))[..., ::-1], pixels), file.name


def test_sixteen_bits_keep_their_levels(tmp_path):
    ramp = np.arange(256)[None, :, None] * 257
    for name, data in (("grey", png(ramp, 16, 0)), ("rgb", png(ramp.repeat(3, -1), 16, 2))):
        pixels = pixels_of(save(tmp_path / f"{name}.png", data))
        assert np.array_equal(pixels[0, :, 0], np.arange(256))
    for order in ("<", ">"):
        pixels = pixels_of(save(tmp_path / "ramp.tif", tiff(ramp.astype(order + "u2").tobytes(), 256, 1, [16], 1, order=order)))
        assert np.array_equal(pixels[0, :, 0], np.arange(256))


def test_png_damage(tmp_path):
    picture = photo(160, 120)
    data = encoded(picture, "png")
    whole = np.asarray(picture)
    for share in (0.5, 0.9):
        file = save(tmp_path / f"cut-{share}.png", data[:int(len(data) * share)])
        error = error_of(file)
        assert "truncated" in error
        row = int(error.split("in row ")[1].split()[0])
        answer = decode([file], "--salvage")[0]
        assert "truncated" in answer["damage"] and row > 30
        assert np.array_equal(answer["pixels"][:row - 1], whole[:row - 1])
        assert not answer["pixels"][row:].any()
    file = save(tmp_path / "no-end.png", data[:-12])
    assert "end mark" in error_of(file)
    assert np.array_equal(decode([file], "--salvage")[0]["pixels"], whole)
    at = data.index(b"IDAT") + 4 + struct.unpack(">I", data[data.index(b"IDAT") - 4:data.index(b"IDAT")])[0]
    file = save(tmp_path / "crc.png", data[:at] + b"\1\2\3\4" + data[at + 4:])
    assert "checksum" in error_of(file)
    answer = decode([file], "--salvage")[0]
    assert "checksum" in answer["damage"] and np.array_equal(answer["pixels"], whole)


# ---- GIF

def test_gif_kinds(tmp_path):
    picture = photo(150, 90)
    frames = [picture.quantize(n) for n in (2, 16, 256)]
    files = [save(tmp_path / f"{i}.gif", encoded(f, "gif", interlace=i % 2)) for i, f in enumerate(frames)]
    files.append(save(tmp_path / "grey.gif", encoded(picture.convert("L"), "gif")))
    files.append(save(tmp_path / "clear.gif", encoded(frames[1], "gif", transparency=3)))
    files.append(tmp_path / "moving.gif")
    frames[2].save(files[-1], save_all=True, append_images=[frames[2].rotate(180)])
    same(files)


def gif_codes(width, height, codes, frame=None):
    """A grey GIF of codes (value, width in bits), the frame at (left, top, width, height)."""
    left, top, w, h = frame or (0, 0, width, height)
    table = b"".join(bytes((v, 255 - v, 7)) for v in range(256))
    bits = sum(value << shift for value, shift in zip((c for c, _ in codes), np.cumsum([0] + [w for _, w in codes[:-1]]).tolist()))
    data = bits.to_bytes((sum(w for _, w in codes) + 7) // 8, "little")
    blocks = b"".join(bytes((len(data[i:i + 255]),)) + data[i:i + 255] for i in range(0, len(data), 255))
    return (b"GIF89a" + struct.pack("<HHBBB", width, height, 0xF7, 0, 0) + table
            + b"!\xf9\x04\x01\0\0\x05\0" + b"," + struct.pack("<HHHHB", left, top, w, h, 0) + b"\x08" + blocks + b"\0;")


def test_gif_with_more_codes_than_the_table_holds(tmp_path):
    rng = np.random.default_rng(1)
    width, height = 90, 80
    pixels = rng.integers(0, 256, width * height).tolist()
    # Literals only, never a clear code: the table fills up, and stays full while its codes keep their 12 bits.
    codes, entries, size = [(256, 9)], 258, 9
    for number, value in enumerate(pixels):
        codes.append((value, size))
        if number > 0 and entries < 4096:
            entries += 1
            if entries == 1 << size and size < 12:
                size += 1
    codes.append((257, size))
    assert len(pixels) > 4096
    same([save(tmp_path / "full.gif", gif_codes(width, height, codes))])


def test_gif_frames_smaller_and_larger_than_the_screen(tmp_path):
    codes = [(256, 9)] + [(v, 9) for v in range(30, 36)] + [(257, 9)]
    same([save(tmp_path / "small.gif", gif_codes(9, 8, codes, (4, 3, 3, 2))),
          save(tmp_path / "large.gif", gif_codes(4, 4, codes, (3, 3, 3, 2)))])
    file = save(tmp_path / "short.gif", gif_codes(3, 3, codes))
    assert "ends in row 3" in error_of(file)
    assert "ends in row 3" in decode([file], "--salvage")[0]["damage"]
    whole = gif_codes(3, 2, codes)
    assert "truncated" in error_of(save(tmp_path / "cut.gif", whole[:-6]))


# ---- WebP

def test_webp_kinds(tmp_path):
    picture = photo(151, 97)
    alpha = picture.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(picture.size))
    files = [save(tmp_path / f"{name}.webp", encoded(p, "webp", **options)) for name, p, options in (
        ("lossy", picture, {"quality": 80}), ("poor", picture, {"quality": 5}), ("lossless", picture, {"lossless": True}),
        ("alpha", alpha, {"quality": 80}), ("alpha-lossless", alpha, {"lossless": True, "exact": True}),
        ("tiny", photo(1, 1), {}), ("moving", picture, {"save_all": True, "append_images": [picture.rotate(90)]}),
        ("moving-alpha", alpha, {"save_all": True, "append_images": [alpha.rotate(90)], "lossless": True, "exact": True}))]
    same(files)
    for file in files[:3]:
        assert np.array_equal(pixels_of(file), cv2.imread(str(file))[..., ::-1])
    data = files[0].read_bytes()
    file = save(tmp_path / "cut.webp", data[:len(data) // 2])
    assert "truncated" in error_of(file) and "in row" in error_of(file)
    answer = decode([file], "--salvage")[0]
    assert "truncated" in answer["damage"] and np.array_equal(answer["pixels"][:10], pillow(files[0])[:10])


# ---- TIFF

def tiff(data, width, height, bits, photometric, *, order="<", samples=None, extra=(), strip_rows=None, planar=1, big=False):
    """An uncompressed TIFF in one strip, or in strips of `strip_rows`; `extra` are (tag, type, values)."""
    e = order
    samples = samples or len(bits)
    strip_rows = strip_rows or height
    planes = samples if planar == 2 else 1
    strips = -(-height // strip_rows) * planes
    row = len(data) // (height * planes)
    sizes = [min(strip_rows, height - y) * row for _ in range(planes) for y in range(0, height, strip_rows)]
    assert len(sizes) == strips and sum(sizes) == len(data)
    head = 16 if big else 8
    offsets = [head + sum(sizes[:i]) for i in range(strips)]
    entries = [(256, 4, [width]), (257, 4, [height]), (258, 3, bits), (259, 3, [1]), (262, 3, [photometric]),
               (273, 4, offsets), (277, 3, [samples]), (278, 4, [strip_rows]), (279, 4, sizes), (284, 3, [planar]), *extra]
    entries.sort()
    field, codes = (8, "Q") if big else (4, "I")
    at = head + len(data) + len(data) % 2
    ifd_size = (8 if big else 2) + len(entries) * (20 if big else 12) + field
    ifd, tail = struct.pack(e + ("Q" if big else "H"), len(entries)), b""
    for tag, kind, values in entries:
        packed = b"".join(struct.pack(e + {1: "B", 3: "H", 4: "I"}[kind], v) for v in values)
        if len(packed) > field:
            where = at + ifd_size + len(tail)
            tail += packed + b"\0" * (len(packed) % 2)
            packed = struct.pack(e + codes, where)
        ifd += struct.pack(e + "HH" + codes, tag, kind, len(values)) + packed.ljust(field, b"\0")
    ifd += struct.pack(e + codes, 0)
    mark = b"II" if e == "<" else b"MM"
    header = mark + (struct.pack(e + "HHHQ", 43, 8, 0, at) if big else struct.pack(e + "HI", 42, at))
    return header + data + b"\0" * (len(data) % 2) + ifd + tail


def packed(values, bits):
    rows = []
    for row in values.reshape(values.shape[0], -1):
        text = "".join(format(int(v), f"0{bits}b") for v in row)
        text += "0" * (-len(text) % 8)
        rows.append(int(text, 2).to_bytes(len(text) // 8, "big"))
    return b"".join(rows)


def test_tiff_kinds(tmp_path):
    rng = np.random.default_rng(5)
    h, w = 37, 53
    files, expected = [], []

    def add(name, data, pixels):
        files.append(save(tmp_path / f"{name}.tif", data))
        expected.append(pixels if pixels.ndim == 3 else pixels[..., None].repeat(3, -1))

    for bits in (1, 2, 4, 8):
        grey = rng.integers(0, 1 << bits, (h, w))
        most = (1 << bits) - 1
        add(f"black{bits}", tiff(packed(grey, bits), w, h, [bits], 1), grey * 255 // most)
        add(f"white{bits}", tiff(packed(grey, bits), w, h, [bits], 0), 255 - grey * 255 // most)
        table = rng.integers(0, 65536, (3, 1 << bits))
        colours = (320, 3, table.ravel().tolist())
        add(f"palette{bits}", tiff(packed(grey, bits), w, h, [bits], 3, extra=[colours]), (table >> 8)[:, grey].transpose(1, 2, 0))
    for bits in (10, 12, 14):
        grey = rng.integers(0, 1 << bits, (h, w))
        add(f"black{bits}", tiff(packed(grey, bits), w, h, [bits], 1), grey >> (bits - 8))
    for order in "<>":
        wide = rng.integers(0, 65536, (h, w, 3))
        raw = wide.astype(order + "u2")
        add(f"rgb16{ord(order)}", tiff(raw.tobytes(), w, h, [16] * 3, 2, order=order), wide >> 8)
        add(f"planes16{ord(order)}", tiff(raw.transpose(2, 0, 1).tobytes(), w, h, [16] * 3, 2, order=order, planar=2, strip_rows=8),
            wide >> 8)
        add(f"big{ord(order)}", tiff(raw.tobytes(), w, h, [16] * 3, 2, order=order, big=True), wide >> 8)
    five = rng.integers(0, 256, (h, w, 5)).astype(np.uint8)
    extra = (338, 3, [0, 0])
    add("five", tiff(five.tobytes(), w, h, [8] * 5, 2, extra=[extra], strip_rows=10), five[..., :3])
    add("five-planes", tiff(five.transpose(2, 0, 1).tobytes(), w, h, [8] * 5, 2, extra=[extra], planar=2), five[..., :3])
    add("grey-extra", tiff(five[..., :2].tobytes(), w, h, [8, 8], 1, extra=[(338, 3, [2])]), five[..., 0])
    same(files, [e.astype(np.uint8) for e in expected])


def test_tiff_as_others_write_it(tmp_path):
    picture = photo(150, 90)
    alpha = picture.convert("RGBA")
    alpha.putalpha(Image.linear_gradient("L").resize(picture.size))
    files = []
    for compression in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits"):
        files.append(save(tmp_path / f"{compression}.tif", encoded(picture, "tiff", compression=compression)))
    files += [save(tmp_path / "fax.tif", encoded(picture.convert("1"), "tiff", compression="group4")),
              save(tmp_path / "rgba.tif", encoded(alpha, "tiff")), save(tmp_path / "la.tif", encoded(alpha.convert("LA"), "tiff")),
              save(tmp_path / "cmyk.tif", encoded(picture.convert("CMYK"), "tiff", compression="tiff_lzw")),
              save(tmp_path / "palette.tif", encoded(picture.quantize(100), "tiff")),
              save(tmp_path / "pages.tif", encoded(picture, "tiff", save_all=True, append_images=[picture.rotate(90)])),
              save(tmp_path / "tiles.tif", encoded(picture, "tiff", compression="tiff_lzw", tiled=True, tile=(32, 48)))]
    for name, layout in (("tiled", ["-t", "-w", "64", "-l", "32"]), ("strips", ["-s", "-r", "7"]),
                         ("planes", ["-p", "separate"]), ("tiled-planes", ["-p", "separate", "-t", "-w", "32", "-l", "16"])):
        out = tmp_path / f"cp-{name}.tif"
        subprocess.run(["tiffcp", *layout, "-c", "lzw", files[0], out], check=True)
        files.append(out)
    same(files)
    for layout in (["-s", "-r", "16"], ["-t", "-w", "32", "-l", "32"]):
        out = tmp_path / f"jpeg{layout[0]}.tif"
        subprocess.run(["tiffcp", *layout, "-c", "jpeg:90", files[0], out], check=True)
        same([out])


def test_tiff_damage_and_refusals(tmp_path):
    picture = photo(150, 90)
    whole = np.asarray(picture)
    directory_first = encoded(picture, "tiff", strip_size=450 * 10)
    file = save(tmp_path / "cut.tif", directory_first[:len(directory_first) // 2])
    error = error_of(file)
    assert "truncated" in error and "in row" in error
    row = int(error.split("in row ")[1].split()[0])
    answer = decode([file], "--salvage")[0]
    assert row > 20 and np.array_equal(answer["pixels"][:row - 1], whole[:row - 1])
    assert "directory" in error_of(save(tmp_path / "no-directory.tif", directory_first[:8]))
    floats = np.zeros((4, 4), "<f4").tobytes()
    assert "floating-point" in error_of(save(tmp_path / "f.tif", tiff(floats, 4, 4, [32], 1, extra=[(339, 3, [3])])))
    assert "raw file" in error_of(save(tmp_path / "raw.tif", tiff(bytes(16), 4, 4, [8], 1, extra=[(50706, 1, [1, 4, 0, 0])])))


# ---- HEIC and AVIF

def test_avif_and_heic(tmp_path):
    picture = photo(96, 64)
    file = save(tmp_path / "photo.avif", encoded(picture, "avif", quality=90, subsampling="4:4:4"))
    # Two libraries turn the same luma and chroma into RGB; each rounds once.
    assert np.abs(pixels_of(file).astype(int) - pillow(file)).max() <= 2
    heic = tmp_path / "photo.heic"
    picture.save(tmp_path / "photo.png")
    subprocess.run(["heif-enc", "-q", "95", "-o", heic, tmp_path / "photo.png"], check=True, capture_output=True)
    subprocess.run(["heif-convert", heic, tmp_path / "back.png"], check=True, capture_output=True)
    assert np.abs(pixels_of(heic).astype(int) - pillow(tmp_path / "back.png")).max() <= 2
    assert np.abs(pixels_of(heic).astype(int) - np.asarray(picture)).mean() < 6
    turned = save(tmp_path / "turned.avif", encoded(picture, "avif", exif=exif_bytes(6)))
    assert pixels_of(turned).shape == (96, 64, 3)
    for source in (file, heic):
        data = source.read_bytes()
        error = error_of(save(tmp_path / f"cut{source.suffix}", data[:len(data) // 2]))
        assert "truncated" in error


# ---- orientation

@pytest.mark.parametrize("container", ["jpg", "png", "png-text", "png-ztext", "webp"])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("kind", [1, 3, 4, 6, 8, 9])
def test_orientation_of_any_integer_type(container, order, kind, tmp_path):
    picture = photo(64, 32)
    files = [save(tmp_path / f"{v}.{container[:4].rstrip('-')}", oriented(picture, container, exif_block(v, kind, order)))
             for v in (*range(1, 9), 0, 9)]
    stored = pillow(files[0])
    method = dict(zip(range(2, 9), (Image.FLIP_LEFT_RIGHT, Image.ROTATE_180, Image.FLIP_TOP_BOTTOM, Image.TRANSPOSE,
                                    Image.ROTATE_270, Image.TRANSVERSE, Image.ROTATE_90)))
    for value, answer in zip((*range(1, 9), 0, 9), decode(files)):
        assert "error" not in answer, answer
        upright = Image.fromarray(stored)
        if value in method:
            upright = upright.transpose(method[value])
        assert np.array_equal(answer["pixels"], np.asarray(upright)), value


def test_orientation_as_pillow_writes_it(tmp_path):
    picture = photo(64, 32)
    for kind, options in (("jpeg", {}), ("png", {}), ("webp", {"lossless": True}), ("tiff", {})):
        for value in (3, 6, 8):
            file = save(tmp_path / f"{value}.{kind}", encoded(picture, kind, exif=exif_bytes(value), **options))
            assert np.array_equal(pixels_of(file), np.asarray(ImageOps.exif_transpose(Image.open(file)))), file.name


def test_damaged_exif_costs_no_picture(tmp_path):
    data = encoded(photo(64, 32), "jpeg")
    plain = pixels_of(save(tmp_path / "plain.jpg", data))
    block = exif_block(6)
    for number, bad in enumerate((block[:-9], b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff", b"", b"MM*\0" + block[4:],
                                  exif_block(6, count=0), exif_block(6, count=70000))):
        assert np.array_equal(pixels_of(save(tmp_path / f"{number}.jpg", with_exif(data, bad))), plain), number


# ---- what a file is

def test_the_content_decides(tmp_path):
    picture = photo(40, 30)
    kinds = {"jpeg": {}, "png": {}, "webp": {}, "tiff": {}, "bmp": {}, "gif": {}, "avif": {}, "ppm": {}}
    for kind, options in kinds.items():
        for name in ("photo.jpg", "photo.png", "photo.tga", "photo"):
            file = save(tmp_path / name, encoded(picture, kind, **options))
            assert pixels_of(file).shape == (30, 40, 3)
    wav = b"RIFF\x24\0\0\0WAVEfmt " + bytes(24)
    for content, name in ((wav, "WAV"), (b"<!DOCTYPE html><html>no such page</html>", "HTML"), (b"%PDF-1.7", "PDF"),
                          (b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(20), "JPEG 2000")):
        assert name in error_of(save(tmp_path / "photo.jpg", content))
    unknown = error_of(save(tmp_path / "photo.jpg", b"just some text"))
    assert all(name in unknown for name in ("JPEG", "PNG", "WebP", "TIFF", "HEIC", "BMP", "GIF"))
    assert "empty" in error_of(save(tmp_path / "photo.jpg", b""))


def test_sizes_are_judged_before_anything_is_allocated(tmp_path):
    side = 60_000
    one_row = zlib.compress(bytes(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    bombs = {
        "bomb.png": b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", one_row) + png_chunk(b"IEND", b""),
        "bomb.tif": tiff(bytes(side), side, 1, [8], 1).replace(
            struct.pack("<HHII", 257, 4, 1, 1), struct.pack("<HHII", 257, 4, 1, side)),
        "bomb.gif": b"GIF89a" + struct.pack("<HHBBB", 65000, 65000, 0, 0, 0) + b",\0\0\0\0\1\0\1\0\0\x08\0;",
    }
    for name, data in bombs.items():
        error = error_of(save(tmp_path / name, data))
        assert "more than the limit" in error and ("60000 × 60000" in error or "65000 × 65000" in error), error
    assert "0 × 10" in error_of(save(tmp_path / "flat.gif", b"GIF89a" + struct.pack("<HHBBB", 0, 10, 0, 0, 0)
                                     + b",\0\0\0\0\0\0\1\0\0\x08\0;"))
