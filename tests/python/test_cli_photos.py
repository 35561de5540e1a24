"""Photos that are not in order, and photos that only look so."""
import struct
import zlib

import numpy as np
import pytest
from cli_support import BARE, CHINA, CLASSES, fail, files_in, pytestmark, result, succeed  # noqa: F401
from picture_support import encoded, exif_block, exif_bytes, oriented, png_chunk, save, with_exif
from PIL import Image


def refused(photo, tmp_path) -> str:
    line = fail("segment", photo, "-c", CLASSES, *BARE, "-o", tmp_path / "out")
    assert photo.name in line
    assert not (tmp_path / "out").exists() or files_in(tmp_path / "out") == []
    return line


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_truncated(suffix, tmp_path):
    whole = tmp_path / f"whole{suffix}"
    Image.open(CHINA).save(whole)
    data = whole.read_bytes()
    photo = tmp_path / f"cut{suffix}"
    for share in (0.01, 0.3, 0.6, 0.95):
        photo.write_bytes(data[:int(len(data) * share)])
        refused(photo, tmp_path)


def test_salvage(tmp_path):
    # What is there of a truncated photo is segmented, and both the terminal and the result say so.
    data = CHINA.read_bytes()
    photos = tmp_path / "photos"
    photos.mkdir()
    for name, content in (("cut.jpg", data[:len(data) // 2]), ("whole.jpg", data)):
        (photos / name).write_bytes(content)
    assert "row" in refused(photos / "cut.jpg", tmp_path) and "--salvage" in refused(photos / "cut.jpg", tmp_path)
    done = succeed("segment", photos / "cut.jpg", "-c", CLASSES, *BARE, "--salvage", "-o", tmp_path / "one")
    assert done.err.count("warning: ") == 1 and "truncated" in done.err
    assert any("truncated" in w for w in result(tmp_path / "one")["warnings"])
    assert Image.open(tmp_path / "one/mask.png").size == Image.open(CHINA).size
    done = succeed("segment", photos, "-c", CLASSES, *BARE, "--salvage", "-o", tmp_path / "many")
    assert done.err.count("warning: ") == 1 and "cut.jpg" in done.err
    assert any("truncated" in w for w in result(tmp_path / "many", "cut.")["warnings"])
    assert result(tmp_path / "many", "whole.")["warnings"] == []
    for command in (("classify", photos / "cut.jpg", "-c", CLASSES, *BARE),
                    ("embed", "--image", photos / "cut.jpg", "-o", tmp_path / "v.npy")):
        assert "--salvage" in fail(*command)
        assert "truncated" in succeed(*command, "--salvage").err


def test_turned_photos_and_other_formats(tmp_path):
    # The mask fits what a viewer shows, whatever the container and the type of the tag.
    photo = Image.open(CHINA).resize((96, 64))
    for name, data in (("long.jpg", with_exif(encoded(photo, "jpeg"), exif_block(6, 4))),
                       ("text.png", oriented(photo, "png-ztext", exif_block(6))),
                       ("photo.webp", oriented(photo, "webp", exif_block(8))), ("photo.avif", encoded(photo, "avif", exif=exif_bytes(6))),
                       ("photo.tif", encoded(photo, "tiff", exif=exif_bytes(6)))):
        save(tmp_path / name, data)
        succeed("segment", tmp_path / name, "-c", CLASSES, *BARE, "-q", "-o", tmp_path / name.replace(".", "-"))
        assert Image.open(tmp_path / name.replace(".", "-") / "mask.png").size == (64, 96), name


def test_renamed(tmp_path):
    # A picture under another picture's name is read by its content; what is no picture is refused.
    photo = tmp_path / "photo.png"
    photo.write_bytes(CHINA.read_bytes())
    succeed("segment", photo, "-c", CLASSES, *BARE, "-q", "-o", tmp_path / "fine")
    for content in (b"%PDF-1.7 pretending", b"just some text\n" * 100, b"RIFF\x00\x00\x00\x00WEBPVP8 ", b"<html>404</html>"):
        photo.write_bytes(content)
        refused(photo, tmp_path)


def test_zero_bytes(tmp_path):
    photo = tmp_path / "empty.jpg"
    photo.write_bytes(b"")
    assert "empty" in refused(photo, tmp_path)


def test_a_folder_is_no_photo(tmp_path):
    folder = tmp_path / "x.jpg"
    folder.mkdir()
    assert "x.jpg" in fail("segment", folder, "-c", CLASSES, "-o", tmp_path / "out")


def test_fifty_thousand_pixels_square(tmp_path):
    side = 50_000
    png = tmp_path / "huge.png"
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    png.write_bytes(b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(bytes(side))) + png_chunk(b"IEND", b""))
    assert "50000" in refused(png, tmp_path)
    bmp = tmp_path / "huge.bmp"
    bmp.write_bytes(struct.pack("<2sIHHI", b"BM", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0))
    refused(bmp, tmp_path)


def same_mask(tmp_path, first, second) -> float:
    masks = []
    for i, photo in enumerate((first, second)):
        succeed("segment", photo, "-c", CLASSES, *BARE, "-q", "-o", tmp_path / f"mask{i}")
        masks.append(np.asarray(Image.open(tmp_path / f"mask{i}/mask.png")))
    return float((masks[0] == masks[1]).mean())


def test_sixteen_bit(tmp_path):
    photo = Image.open(CHINA).convert("L").resize((320, 213))
    photo.save(tmp_path / "grey8.png")
    Image.fromarray(np.asarray(photo).astype(np.uint16) * 257).save(tmp_path / "grey16.png")
    assert same_mask(tmp_path, tmp_path / "grey8.png", tmp_path / "grey16.png") == 1


def test_grey_alpha_and_cmyk(tmp_path):
    photo = Image.open(CHINA).resize((320, 213))
    photo.convert("L").save(tmp_path / "grey.png")
    photo.convert("L").convert("RGB").save(tmp_path / "grey_rgb.png")
    assert same_mask(tmp_path, tmp_path / "grey.png", tmp_path / "grey_rgb.png") == 1
    photo.save(tmp_path / "rgb.png")
    rgba = photo.convert("RGBA")
    rgba.putalpha(Image.linear_gradient("L").resize(photo.size))
    rgba.save(tmp_path / "rgba.png")
    assert same_mask(tmp_path, tmp_path / "rgba.png", tmp_path / "rgb.png") == 1
    photo.convert("CMYK").save(tmp_path / "cmyk.jpg", quality=98)
    assert same_mask(tmp_path, tmp_path / "cmyk.jpg", tmp_path / "rgb.png") > 0.9


def test_tiny_and_thin(tmp_path):
    Image.new("RGB", (1, 1), (90, 120, 200)).save(tmp_path / "pixel.png")
    succeed("segment", tmp_path / "pixel.png", "-c", CLASSES, *BARE, "-o", tmp_path / "out")
    assert Image.open(tmp_path / "out/mask.png").size == (1, 1)
    Image.new("RGB", (3000, 2), (90, 120, 200)).save(tmp_path / "thin.png")
    line = refused(tmp_path / "thin.png", tmp_path / "2")  # scaled, it is thinner than a patch
    assert "patch" in line
