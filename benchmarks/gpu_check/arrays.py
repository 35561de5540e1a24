"""Reads what `sclip segment` writes, without NumPy: arrays of f32 in .npy, masks in .png."""
import array
import ast
import math
import struct
import sys
import zlib


def read_npy(path):
    """(shape, array of f32)"""
    data = path.read_bytes()
    if data[:6] != b"\x93NUMPY":
        raise ValueError(f"{path} is no .npy file")
    start, size = (10, struct.unpack("<H", data[8:10])[0]) if data[6] == 1 else (12, struct.unpack("<I", data[8:12])[0])
    header = ast.literal_eval(data[start:start + size].decode())
    if header["descr"] != "<f4" or header["fortran_order"]:
        raise ValueError(f"{path} holds {header['descr']}, f32 was expected")
    values = array.array("f")
    values.frombytes(data[start + size:])
    if sys.byteorder == "big":
        values.byteswap()
    if len(values) != math.prod(header["shape"]):
        raise ValueError(f"{path} is cut off")
    return header["shape"], values


def largest_difference(found, expected):
    """Of two arrays as read_npy gives them; infinite where shapes differ or a value is no number."""
    if found[0] != expected[0]:
        return math.inf
    # A sum is a number only if every term is.
    if not all(math.isfinite(math.fsum(values)) for values in (found[1], expected[1])):
        return math.inf
    return max(map(abs, map(float.__sub__, found[1], expected[1])), default=0.0)


def read_mask(path):
    """(width, height, bytes) of a .png with 8 bits a pixel."""
    data = path.read_bytes()
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError(f"{path} is no .png file")
    at, packed, width, height = 8, b"", 0, 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        chunk = data[at + 8:at + 8 + size]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", chunk)
            if depth != 8 or colour not in (0, 3) or interlaced:
                raise ValueError(f"{path} has not one byte a pixel")
        elif kind == b"IDAT":
            packed += chunk
        at += size + 12
    return width, height, _unfilter(zlib.decompress(packed), width, height)


def _unfilter(raw, width, height):
    out, above = bytearray(), bytes(width)
    for y in range(height):
        kind, *line = raw[y * (width + 1):(y + 1) * (width + 1)]
        for x in range(width) if kind else ():
            left, up, corner = line[x - 1] if x else 0, above[x], above[x - 1] if x else 0
            line[x] = (line[x] + (0, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]) & 255
        out += bytes(line)
        above = line
    return bytes(out)


def _paeth(left, up, corner):
    guess = left + up - corner
    return min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]


def equal_share(found, expected):
    """Share of equal pixels; 0 where sizes differ."""
    if found[:2] != expected[:2]:
        return 0.0
    return sum(map(int.__eq__, found[2], expected[2])) / max(1, len(expected[2]))
