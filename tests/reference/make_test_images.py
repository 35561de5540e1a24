"""Makes tests/data/images/: one small picture in many formats, for tests/unit/io_image_decode_test.cpp.

Needs numpy and pillow. FILE.npy beside FILE is what Pillow decodes it to: (height, width, 3) u8, upright, alpha dropped,
16-bit samples by their high byte.
"""

import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

OUT = Path(__file__).resolve().parent.parent / "data" / "images"
HEIGHT, WIDTH = 13, 18


def base_picture():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([x * 14, y * 19, (x * y) % 200 + 30], -1).astype(np.uint8)


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png16(array, color_type):
    """A 16-bit PNG, which Pillow cannot write in colour."""
    height, width = array.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array.reshape(height, -1))
    header = struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0)
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows, 9))
            + png_chunk(b"IEND", b""))


def psd(array):
    """An uncompressed 8-bit RGB PSD."""
    height, width = array.shape[:2]
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, height, width, 8, 3)
    return header + struct.pack(">IIIH", 0, 0, 0, 0) + array.transpose(2, 0, 1).tobytes()


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    rgb = base_picture()
    image = Image.fromarray(rgb)
    grey = image.convert("L")
    alpha = Image.fromarray((255 - rgb[..., 1]).astype(np.uint8))
    rgba = image.copy()
    rgba.putalpha(alpha)
    wide = rgb.astype(np.uint16) * 257 + np.uint16(3)

    expected = {}

    def save(name, picture, pixels=None, **options):
        path = OUT / name
        if isinstance(picture, bytes):
            path.write_bytes(picture)
        else:
            picture.save(path, **options)
        if pixels is None:
            pixels = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
        expected[name] = pixels

    save("rgb.png", image)
    save("rgba.png", rgba, rgb)
    save("grey.png", grey)
    save("grey_alpha.png", Image.merge("LA", (grey, alpha)))
    save("palette.png", image.quantize(32))
    save("one_bit.png", image.convert("1"))
    save("rgb16.png", png16(wide, 2), (wide >> 8).astype(np.uint8))
    save("grey16.png", png16(wide[..., 0], 0), np.repeat((wide[..., :1] >> 8).astype(np.uint8), 3, -1))
    save("rgb.bmp", image)
    save("palette.bmp", image.quantize(32))
    save("raw.tga", image)
    save("rle.tga", image, compression="tga_rle")
    save("palette.gif", image.quantize(32))
    save("rgb.ppm", image)
    save("grey.pgm", grey)
    save("rgb.psd", psd(rgb), rgb)
    save("full.jpg", image, quality=95, subsampling=0)
    save("subsampled.jpg", image, quality=90, subsampling=2)
    save("progressive.jpg", image, quality=90, progressive=True)
    save("grey.jpg", grey, quality=95)
    save("cmyk.jpg", image.convert("CMYK"), quality=95)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        save(f"orientation{orientation}.png", image, exif=exif)
    exif = Image.Exif()
    exif[0x0112] = 6
    save("orientation6.jpg", image, quality=95, subsampling=0, exif=exif)

    for name, pixels in expected.items():
        np.save(OUT / f"{name}.npy", np.ascontiguousarray(pixels))


if __name__ == "__main__":
    main()
