"""Makes tests/fuzz/corpus/fuzz_DECODER: small files of each kind, from which the fuzz targets of the decoders start.

Needs pillow, opencv and jpegtran; heif-enc for HEIC.
"""
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))

import numpy as np  # noqa: E402
import test_pictures_bmp as bmps  # noqa: E402
import test_pictures_formats as formats  # noqa: E402
from picture_support import encoded, exif_block, oriented, photo, with_exif  # noqa: E402


def seeds():
    picture = photo(20, 13)
    alpha = picture.convert("RGBA")
    jpeg = encoded(picture, "jpeg", quality=40)
    jpegs = {"baseline": jpeg, "exif": with_exif(jpeg, exif_block(6)),
             "progressive": encoded(picture, "jpeg", quality=40, progressive=True),
             "subsampled": encoded(picture, "jpeg", quality=40, subsampling="4:2:0", restart_marker_blocks=1),
             "cmyk": encoded(picture.convert("CMYK"), "jpeg", quality=30), "grey": encoded(picture.convert("L"), "jpeg")}
    for name, data in jpegs.items():
        yield "jpeg", name, data
        if name != "cmyk":
            yield "jpeg_stb", name, data
    with tempfile.NamedTemporaryFile() as file:
        pathlib.Path(file.name).write_bytes(jpeg)
        yield "jpeg", "arithmetic", subprocess.run(["jpegtran", "-arithmetic", file.name], capture_output=True, check=True).stdout
    rng = np.random.default_rng(0)
    for interlaced in (False, True):
        yield "png", f"rgba{int(interlaced)}", formats.png(rng.integers(0, 256, (9, 11, 4)), 8, 6, interlaced)
        yield "png", f"grey1{int(interlaced)}", formats.png(rng.integers(0, 2, (9, 11, 1)), 1, 0, interlaced)
    yield "png", "palette", encoded(picture.quantize(8), "png")
    yield "png", "text", oriented(picture, "png-ztext", exif_block(5))
    bmps.WIDTH, bmps.HEIGHT = 17, 9
    for name, data in bmps.kinds().items():
        if name in ("pal1", "pal4", "pal8os2", "rgb16-565", "rgb24", "rgba32v5", "rgb32bf", "pal8rle9"):
            yield "bmp", name, data
    yield "gif", "plain", encoded(picture.quantize(8), "gif", interlace=0)
    yield "gif", "interlaced", encoded(picture.quantize(8), "gif", interlace=1, transparency=2)
    yield "webp", "lossy", encoded(picture, "webp", quality=20)
    yield "webp", "lossless", encoded(alpha, "webp", lossless=True, exif=b"Exif\0\0" + exif_block(3))
    yield "webp", "moving", encoded(picture, "webp", save_all=True, append_images=[picture.rotate(90)], quality=10)
    grey = rng.integers(0, 4096, (7, 10))
    yield "tiff", "bits12", formats.tiff(formats.packed(grey, 12), 10, 7, [12], 1)
    planes = rng.integers(0, 256, (3, 7, 10)).astype(np.uint8)
    yield "tiff", "planes", formats.tiff(planes.tobytes(), 10, 7, [8] * 3, 2, planar=2, strip_rows=2)
    for compression in ("tiff_lzw", "packbits", "jpeg"):
        yield "tiff", compression, encoded(picture, "tiff", compression=compression)
    yield "tiff", "tiles", encoded(picture, "tiff", compression="tiff_adobe_deflate", tiled=True, tile=(16, 16))
    yield "tiff", "palette", encoded(picture.quantize(4), "tiff")
    yield "tiff", "fax", encoded(picture.convert("1"), "tiff", compression="group4")
    yield "heif", "avif", encoded(picture, "avif", quality=30)
    with tempfile.TemporaryDirectory() as folder:
        picture.resize((64, 64)).save(f"{folder}/a.png")
        subprocess.run(["heif-enc", "-q", "20", "-o", f"{folder}/a.heic", f"{folder}/a.png"], check=True, capture_output=True)
        yield "heif", "heic", pathlib.Path(folder, "a.heic").read_bytes()
    yield "pnm", "rgb", b"P6\n# c\n3 2\n255\n" + bytes(range(18))
    yield "pnm", "wide", b"P5 3 2 1000\n" + bytes(range(12))
    yield "stb", "raw.tga", encoded(picture.quantize(8), "tga")
    yield "stb", "rle.tga", encoded(picture, "tga", compression="tga_rle")


def main():
    for decoder, name, data in seeds():
        for folder in (f"fuzz_{decoder}", "fuzz_image") if name in ("exif", "text", "lossless", "tiles", "avif") else (f"fuzz_{decoder}",):
            path = HERE / "corpus" / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


if __name__ == "__main__":
    main()
