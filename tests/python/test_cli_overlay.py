"""The picture for people: its size, as a JPEG, and a legend in any script."""
import os

import numpy as np
import pytest
from cli_support import BARE, CHINA, CLASSES, fail, files_in, pytestmark, result, run, succeed  # noqa: F401
from PIL import Image, ImageDraw, ImageFont, features


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photos/a.png"
    path.parent.mkdir()
    Image.open(CHINA).resize((480, 320)).save(path)
    return path


def overlay(photo, out, *arguments, classes=CLASSES, **options) -> np.ndarray:
    done = succeed("segment", photo, "-c", classes, *BARE, "-q", "-o", out, "--outputs", "overlay,json", *arguments, **options)
    assert done.err == ""
    return np.asarray(Image.open(out / "overlay.png"))


def test_of_exactly_the_photos_size(photo, tmp_path):
    with_legend = overlay(photo, tmp_path / "legend")
    assert with_legend.shape[0] > 320 and result(tmp_path / "legend")["options"]["overlay_size"] == "legend"
    bare = overlay(photo, tmp_path / "bare", "--overlay-size", "photo")
    assert bare.shape == (320, 480, 3) and np.array_equal(bare, with_legend[:320, :480])
    assert result(tmp_path / "bare")["options"]["overlay_size"] == "photo"
    assert "legend or photo" in fail("segment", photo, "-c", CLASSES, *BARE, "--overlay-size", "tiny", "-o", tmp_path / "x")
    again = succeed("segment", photo, "-c", CLASSES, *BARE, "--outputs", "overlay,json", "--resume", "-o", tmp_path / "bare")
    assert "wrote" in again.out  # with the legend now, it is not finished


def test_as_a_jpeg(photo, tmp_path):
    for _ in range(2):  # the second time it replaces its own, and takes none for a photo
        succeed("segment", photo.parent, "-c", CLASSES, *BARE, "-o", photo.parent, "--outputs", "overlay,overlay-jpeg,json")
    assert files_in(photo.parent) == ["a.overlay.jpg", "a.overlay.png", "a.png", "a.result.json"]
    with Image.open(photo.with_name("a.overlay.jpg")) as jpeg, Image.open(photo.with_name("a.overlay.png")) as png:
        assert jpeg.format == "JPEG" and jpeg.info["comment"] == b"Software: sclip"
        difference = np.abs(np.asarray(jpeg).astype(int) - np.asarray(png))
    assert difference.mean() < 3  # of 255: what the format loses at this quality
    theirs = tmp_path / "x/overlay.jpg"
    theirs.parent.mkdir()
    Image.open(photo).convert("RGB").save(theirs)
    line = fail("segment", photo, "-c", CLASSES, *BARE, "--outputs", "overlay-jpeg,json", "-o", theirs.parent)
    assert "overlay.jpg" in line and "sclip did not write it" in line


def legend(name: str, photo, out, **options) -> bytes:
    """The lower part of an overlay whose class 0 has this name, and all pixels: no score comes to 1."""
    return overlay(photo, out, "--prob-thd", 1, "--logit-scale", 1, classes=f"{name}, sky; tree", **options)[320:].tobytes()


@pytest.mark.parametrize("name", ["天空", "שמיים", "سماء", "ท้องฟ้า", "आकाश", "😀 sky"])
def test_names_in_every_script_or_the_number(name, photo, tmp_path):
    assert legend(name, photo, tmp_path / "a") != legend("class 0", photo, tmp_path / "b")
    nothing = tmp_path / "fonts.conf"
    nothing.write_text("<fontconfig></fontconfig>")
    bare = {"env": {"FONTCONFIG_FILE": str(nothing)}}
    assert legend(name, photo, tmp_path / "c", **bare) == legend("class 0", photo, tmp_path / "d", **bare)


def test_the_font_that_is_compiled_in_needs_none_of_the_system(photo, tmp_path):
    nothing = {"env": {"FONTCONFIG_FILE": str(tmp_path / "nowhere")}}
    assert legend("небо", photo, tmp_path / "a") == legend("небо", photo, tmp_path / "b", **nothing)
    assert legend("небо", photo, tmp_path / "c") != legend("class 0", photo, tmp_path / "d")


DEJAVU = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"


def ink(pixels: np.ndarray) -> np.ndarray:
    """How bright each column is, from the first with ink to the last, as shares of all ink."""
    columns = (pixels.astype(float) - pixels.min()).sum(axis=0)
    where = np.nonzero(columns > 0.02 * columns.max())[0]
    columns = columns[where[0]:where[-1] + 1]
    return columns / columns.sum()


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    return np.corrcoef(np.interp(np.linspace(0, 1, 200), np.linspace(0, 1, len(a)), a),
                       np.interp(np.linspace(0, 1, 200), np.linspace(0, 1, len(b)), b))[0, 1]


@pytest.mark.parametrize("name", ["שמיים ועץ", "سماء وشجرة"])
def test_letters_stand_as_pillow_sets_them(name, photo, tmp_path):
    """The same font and size, shaped by Pillow's own libraries. It hints glyphs: columns agree, pixels need not."""
    assert features.check("raqm")  # Pillow's wheels have it
    (tmp_path / "fonts").mkdir()
    os.symlink(DEJAVU, tmp_path / "fonts/sans.ttf")
    only = tmp_path / "fonts.conf"
    only.write_text(f"<fontconfig><dir>{tmp_path}/fonts</dir><cachedir>{tmp_path}/cache</cachedir></fontconfig>")
    big = tmp_path / "big.png"
    Image.open(CHINA).resize((1600, 1067)).save(big)
    em = 0.023 * (1600 * 1067) ** 0.5 + 5
    picture = overlay(big, tmp_path / "out", classes=f"{name}, sky, tree, building; car", env={"FONTCONFIG_FILE": str(only)})
    expected = {}
    for text in (name, name[::-1]):
        font = ImageFont.truetype(DEJAVU, em, layout_engine=ImageFont.Layout.RAQM)
        sheet = Image.new("L", (round(font.getlength(text)) + 40, round(2 * em)), 24)
        ImageDraw.Draw(sheet).text((20, 4), text, fill=240, font=font)
        expected[text] = ink(np.asarray(sheet))
    # The first row of the legend, from behind the colour to where the name ends; the share stands further to the right.
    top, left = 1067 + round(1.1 * em), round((1.1 + 1.05 + 0.3) * em)
    drawn = ink(picture[top:top + round(1.75 * em), left:left + round(0.25 * em) + len(expected[name]) + 6, 0])
    assert abs(len(drawn) - len(expected[name])) <= 3
    assert likeness(drawn, expected[name]) > 0.85  # otherwise about 0
    assert likeness(drawn, expected[name[::-1]]) < 0.4
