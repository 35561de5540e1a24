"""A mask that lies where its photo lies: GeoTIFF's tags, written and read by Pillow on the other side."""
import os
import pty
import subprocess

import numpy as np
from cli_support import BARE, CHINA, CLASSES, SCLIP, pytestmark, result, succeed  # noqa: F401
from PIL import Image, TiffImagePlugin

DOUBLE, SHORT, ASCII = 12, 3, 2
# UTM zone 50 north, a pixel of 0.3 m, as GDAL writes it.
TAGS = {33550: (DOUBLE, (0.3, 0.3, 0.0)),
        33922: (DOUBLE, (0.0, 0.0, 0.0, 443210.25, 4428765.5, 0.0)),
        34735: (SHORT, (1, 1, 0, 4, 1024, 0, 1, 1, 1025, 0, 1, 1, 1026, 34737, 22, 0, 3072, 0, 1, 32650)),
        34736: (DOUBLE, (6378137.0, 298.257223563)),
        34737: (ASCII, "WGS 84 / UTM zone 50N|")}


def geotiff(path, tags=TAGS, **options):
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, (kind, value) in tags.items():
        directory.tagtype[tag] = kind
        directory[tag] = value
    Image.open(CHINA).resize((160, 107)).save(path, tiffinfo=directory, **options)
    return path


def places(path):
    return {tag: value for tag, value in Image.open(path).tag_v2.items() if tag in (*TAGS, 34264)}


def test_the_mask_has_the_tags_of_the_photo(tmp_path):
    photo = geotiff(tmp_path / "field.tif")
    succeed("segment", photo, "-c", CLASSES, *BARE, "--outputs", "mask,geotiff,json", "-o", tmp_path / "out")
    mask = Image.open(tmp_path / "out/mask.tif")
    assert mask.mode == "L" and mask.tag_v2[305] == "sclip"
    assert np.array_equal(np.asarray(mask), np.asarray(Image.open(tmp_path / "out/mask.png")))
    assert places(tmp_path / "out/mask.tif") == places(photo) and len(places(photo)) == len(TAGS)
    # A second run replaces its own, and the mask of a folder's photo is no photo.
    succeed("segment", photo, "-c", CLASSES, *BARE, "--outputs", "mask,geotiff,json", "-o", tmp_path / "out")
    done = succeed("segment", tmp_path, "-c", CLASSES, *BARE, "--outputs", "geotiff,json", "-o", tmp_path / "again")
    assert done.out.startswith("1 photo in ") and "2 files that sclip wrote" in done.err


def test_a_transformation_and_sixteen_bits(tmp_path):
    matrix = (0.3, 0.1, 0.0, 5.0, 0.1, -0.3, 0.0, 7.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    photo = geotiff(tmp_path / "turned.tif", {34264: (DOUBLE, matrix)}, compression="tiff_lzw")
    succeed("segment", photo, "-c", CLASSES, *BARE, "--prob-thd", "0.9", "--ignore-label", "300", "--outputs", "geotiff,grey,json", "-o",
            tmp_path / "out")
    mask = np.asarray(Image.open(tmp_path / "out/mask.tif"))
    assert Image.open(tmp_path / "out/mask.tif").mode == "I;16" and mask.max() == 300
    assert np.array_equal(mask, np.asarray(Image.open(tmp_path / "out/grey.png")))
    assert places(tmp_path / "out/mask.tif") == {34264: matrix}


def test_tags_of_another_type_and_turned_rows_are_left_out(tmp_path):
    odd = geotiff(tmp_path / "odd.tif", {33550: (SHORT, (1, 1, 0)), 34737: (ASCII, "x|")})
    succeed("segment", odd, "-c", CLASSES, *BARE, "--outputs", "geotiff,json", "-o", tmp_path / "odd")
    assert places(tmp_path / "odd/mask.tif") == {34737: "x|"}
    turned = geotiff(tmp_path / "turned.tif", {**TAGS, 274: (SHORT, 6)})
    succeed("segment", turned, "-c", CLASSES, *BARE, "--outputs", "geotiff,json", "-o", tmp_path / "turned")
    assert Image.open(tmp_path / "turned/mask.tif").size == (107, 160) and places(tmp_path / "turned/mask.tif") == {}


def test_a_long_call_shows_how_far_it_is(tmp_path):
    # On a terminal only, and not before a second has passed.
    def on_a_terminal(*options):
        master, slave = pty.openpty()
        process = subprocess.Popen([SCLIP, "segment", CHINA, "-c", CLASSES, *BARE, "-o", tmp_path / "out", "--threads", "1", *options],
                                   stdout=subprocess.DEVNULL, stderr=slave)
        os.close(slave)
        text = b""
        while True:
            try:
                part = os.read(master, 4096)
            except OSError:  # Linux's way to say that the other side is closed
                break
            if not part:
                break
            text += part
        os.close(master)
        assert process.wait() == 0
        return text.decode()

    text = on_a_terminal("--short-side", "1300", "--stride", "28")
    shares = [int(part.split("/100")[0].split("] ")[1]) for part in text.split("\r") if "/100" in part]
    assert len(shares) > 3 and shares == sorted(shares) and shares[0] < 90 and "/china.jpg" in text
    assert text.endswith("\x1b[K")  # nothing of it stays
    assert "/100" not in on_a_terminal()
