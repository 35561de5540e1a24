"""BMP of every kind that the field's test suite calls good, and some that it calls questionable, beside Pillow."""
import struct

import numpy as np
import pytest
from picture_support import decode, error_of, pillow, pixels_of, save

WIDTH, HEIGHT = 127, 64
RNG = np.random.default_rng(7)


def rows_of(indices, bits):
    """Packed rows, each a multiple of four bytes."""
    out = []
    for row in indices:
        text = "".join(format(int(v), f"0{bits}b") for v in row)
        text += "0" * (-len(text) % 32)
        out.append(int(text, 2).to_bytes(len(text) // 8, "big"))
    return out


def wide_rows(values, size):
    return [b"".join(int(v).to_bytes(size, "little") for v in row).ljust(-(-len(row) * size // 4) * 4, b"\0") for row in values]


def bmp(rows, bits, *, header=40, compression=0, palette=(), colours=0, masks=(), top_down=False, gap=0, data=None, width=WIDTH,
        height=HEIGHT):
    data = b"".join(rows if top_down else reversed(rows)) if data is None else data
    if header == 12:
        info = struct.pack("<IHHHH", 12, width, height, 1, bits)
        table = b"".join(bytes(c[::-1]) for c in palette)
    else:
        info = struct.pack("<IiiHHIIiiII", 40, width, -height if top_down else height, 1, bits, compression, len(data), 2835, 2835,
                           colours or (len(palette) if bits <= 8 else 0), 0)
        info += b"".join(struct.pack("<I", m) for m in masks)
        if header > 40:
            info = (struct.pack("<I", header) + info[4:]).ljust(header, b"\0")
        table = b"".join(bytes(c[::-1]) + b"\0" for c in palette)
    offset = 14 + len(info) + len(table) + gap
    return struct.pack("<2sIHHI", b"BM", offset + len(data), 0, 0, offset) + info + table + b"\0" * gap + data


def random_palette(count):
    return [tuple(int(v) for v in RNG.integers(0, 256, 3)) for _ in range(count)]


def indices(bits, count=None):
    return RNG.integers(0, count or 1 << bits, (HEIGHT, WIDTH))


def rle(picture, nibbles, jumps=True):
    """Runs, literals and, every fifth row, a jump over what stays index 0, in `picture` too."""
    out = bytearray()
    for y, row in enumerate(picture[::-1]):
        x = 0
        while x < len(row):
            if jumps and y % 5 == 0 and x == 20:
                out += bytes((0, 2, 9, 0))
                row[20:29] = 0
                x = 29
                continue
            stop = 20 if jumps and y % 5 == 0 and x < 20 else len(row)
            run = 1
            while x + run < min(stop, x + 255) and row[x + run] == row[x]:
                run += 1
            if run > 1 or stop - x < 3:
                value = int(row[x])
                out += bytes((run, value * 17 if nibbles else value))
                x += run
                continue
            count = min(stop - x, 3 + int(RNG.integers(0, 20)))
            literal = [int(v) for v in row[x:x + count]]
            if nibbles:
                literal = [a << 4 | b for a, b in zip(literal[::2], literal[1::2] + [0] * (count % 2))]
            out += bytes((0, count)) + bytes(literal) + b"\0" * (len(literal) % 2)
            x += count
        out += b"\0\0"
    return bytes(out) + b"\0\1"


def runs(bits):
    return np.repeat(RNG.integers(0, 1 << bits, (HEIGHT, (WIDTH + 2) // 3)), 3, axis=1)[:, :WIDTH].copy()


def kinds():
    grey = [(v, v, v) for v in range(256)]
    colour = RNG.integers(0, 256, (HEIGHT, WIDTH, 3))
    bgr = [row[:, ::-1].astype(np.uint8).tobytes().ljust(-(-3 * WIDTH // 4) * 4, b"\0") for row in colour]
    wide = (colour[..., 0] << 16 | colour[..., 1] << 8 | colour[..., 2]).astype(np.uint32)
    word = RNG.integers(0, 1 << 16, (HEIGHT, WIDTH))
    eight = indices(8)
    out = {
        "pal1": bmp(rows_of(indices(1), 1), 1, palette=random_palette(2)),
        "pal1wb": bmp(rows_of(indices(1), 1), 1, palette=[(255, 255, 255), (0, 0, 0)]),
        "pal1bw": bmp(rows_of(indices(1), 1), 1, palette=[(0, 0, 0), (255, 255, 255)]),
        "pal4": bmp(rows_of(indices(4, 12), 4), 4, palette=random_palette(12)),
        "pal4gs": bmp(rows_of(indices(4), 4), 4, palette=[(17 * v,) * 3 for v in range(16)]),
        "pal8": bmp(rows_of(eight % 252, 8), 8, palette=random_palette(252)),
        "pal8-0": bmp(rows_of(eight, 8), 8, palette=random_palette(256), colours=256),
        "pal8gs": bmp(rows_of(eight, 8), 8, palette=grey),
        "pal8os2": bmp(rows_of(eight, 8), 8, palette=random_palette(256), header=12),
        "pal1os2": bmp(rows_of(indices(1), 1), 1, palette=random_palette(2), header=12),
        "pal8os2v2": bmp(rows_of(eight, 8), 8, palette=random_palette(256), header=64),
        "pal8v4": bmp(rows_of(eight, 8), 8, palette=random_palette(256), header=108),
        "pal8v5": bmp(rows_of(eight, 8), 8, palette=random_palette(256), header=124),
        "pal8topdown": bmp(rows_of(eight, 8), 8, palette=random_palette(256), top_down=True),
        "pal8w1": bmp(rows_of(eight[:, :1], 8), 8, palette=random_palette(256), width=1),
        "pal8gap": bmp(rows_of(eight, 8), 8, palette=random_palette(256), gap=100),
        "rgb16": bmp(wide_rows(word, 2), 16),
        "rgb16-565": bmp(wide_rows(word, 2), 16, compression=3, masks=(0xF800, 0x7E0, 0x1F)),
        "rgb16-555": bmp(wide_rows(word, 2), 16, compression=3, masks=(0x7C00, 0x3E0, 0x1F)),
        "rgb16-565-v4": bmp(wide_rows(word, 2), 16, compression=3, masks=(0xF800, 0x7E0, 0x1F), header=108),
        "rgb16-565pal": bmp(wide_rows(word, 2), 16, compression=3, masks=(0xF800, 0x7E0, 0x1F), palette=random_palette(256),
                            colours=256),
        "rgb24": bmp(bgr, 24),
        "rgb24os2": bmp(bgr, 24, header=12),
        "rgb24pal": bmp(bgr, 24, palette=random_palette(256), colours=256),
        "rgb24topdown": bmp(bgr, 24, top_down=True),
        "rgb32": bmp(wide_rows(wide, 4), 32),
        "rgb32-filled": bmp(wide_rows(wide | 0xAB000000, 4), 32),
        "rgb32bf": bmp(wide_rows(wide << 8, 4), 32, compression=3, masks=(0xFF000000, 0xFF0000, 0xFF00)),
        "rgb32bfdef": bmp(wide_rows(wide, 4), 32, compression=3, masks=(0xFF0000, 0xFF00, 0xFF)),
        "rgba32v5": bmp(wide_rows(wide | 0x55000000, 4), 32, compression=3, masks=(0xFF0000, 0xFF00, 0xFF, 0xFF000000), header=124),
    }
    for height in (HEIGHT, 1):
        out[f"pal8rle{height}"] = bmp(None, 8, compression=1, palette=random_palette(256), height=height,
                                      data=rle(runs(8)[:height], False, jumps=False))
    return out


def test_every_good_kind_is_pillows(tmp_path):
    files = [save(tmp_path / f"{name}.bmp", data) for name, data in kinds().items()]
    assert len(files) >= 30
    for file, answer in zip(files, decode(files)):
        assert "error" not in answer, answer
        assert np.array_equal(answer["pixels"], pillow(file)), file.name


@pytest.mark.parametrize("bits", [4, 8])
def test_run_lengths(bits, tmp_path):
    # Pillow reads a jump's bytes twice and drops the last of an odd number of nibbles: the picture itself is the judge.
    picture, table = runs(bits), random_palette(1 << bits)
    data = rle(picture, bits == 4)
    assert b"\0\2\x09\0" in data and not picture[-1, 20:29].any()
    file = save(tmp_path / "rle.bmp", bmp(None, bits, compression={8: 1, 4: 2}[bits], palette=table, data=data))
    assert np.array_equal(pixels_of(file), np.array(table)[picture])


def test_rows_are_the_whole(tmp_path):
    files = [save(tmp_path / f"{name}.bmp", data) for name, data in kinds().items()]
    for file, whole, rows in zip(files, decode(files), decode(files, "--rows", "5")):
        assert np.array_equal(whole["pixels"], rows["pixels"]), file.name


def test_kinds_that_pillow_lacks(tmp_path):
    # Two bits with a palette; masks of odd widths, by the formula v·255/(2ⁿ − 1).
    table = random_palette(4)
    two = indices(2)
    assert np.array_equal(pixels_of(save(tmp_path / "pal2.bmp", bmp(rows_of(two, 2), 2, palette=table))), np.array(table)[two])
    word = RNG.integers(0, 1 << 32, (HEIGHT, WIDTH))
    file = save(tmp_path / "masks.bmp", bmp(wide_rows(word, 4), 32, compression=3, masks=(0x3FF00000, 0xFFC00, 0x7)))
    expected = np.stack([(word >> 22) & 255, (word >> 12) & 255, (word & 7) * 255 // 7], -1)
    assert np.array_equal(pixels_of(file), expected)


@pytest.mark.parametrize("compression, name", [(4, "JPEG"), (5, "PNG")])
def test_other_formats_inside_are_refused_by_name(compression, name, tmp_path):
    assert name in error_of(save(tmp_path / "inside.bmp", bmp(None, 24, compression=compression, data=b"\0" * 100)))


def test_truncation(tmp_path):
    everything = kinds()
    for name in ("pal4", "rgb24", "rgb24topdown", "rgb16"):
        cut = everything[name][:int(len(everything[name]) * 0.6)]
        file = save(tmp_path / f"{name}.bmp", cut)
        assert "truncated" in error_of(file) and "in row" in error_of(file)
        assert "truncated" in decode([file], "--salvage")[0]["damage"]
    cut = everything[f"pal8rle{HEIGHT}"][:-2000]
    assert "row" in error_of(save(tmp_path / "rle.bmp", cut))
