"""Photos of 100 megapixels and more: within a stated memory, and the same as if they were held."""
import subprocess
import sys

import numpy as np
import pytest
from cli_support import BARE, CLASSES, DEMO_MODEL, SCLIP, fail, pytestmark, result  # noqa: F401
from picture_support import encoded, photo, save, tiled_tiff
from PIL import Image

Image.MAX_IMAGE_PIXELS = None


# A process of its own: a child's peak begins with what its parent had.
MEASURE = """import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)"""


def segment(picture, out, *options):
    """Runs the command; returns the most memory that it had, in bytes."""
    command = [SCLIP, "segment", picture, "-c", CLASSES, *BARE, *options, "-q", "-o", out]
    return int(subprocess.run([sys.executable, "-c", MEASURE, *command], check=True, stdout=subprocess.PIPE).stdout)


def test_three_hundred_megapixels_within_a_gibibyte_above_the_weights(tmp_path):
    width, height = 20_000, 15_000
    tiff = tiled_tiff(tmp_path / "large.tif", width, height)
    memory = segment(tiff, tmp_path / "out")
    assert memory < DEMO_MODEL.stat().st_size + (1 << 30), f"{memory / 2**20:.0f} MiB"
    mask = Image.open(tmp_path / "out/mask.png")
    assert mask.size == (width, height)
    entries = result(tmp_path / "out")["classes"]
    assert sum(c["pixels"] for c in entries) == width * height
    # A preview: every fifth pixel each way keeps it below 2^24.
    overlay = Image.open(tmp_path / "out/overlay.png")
    assert overlay.width >= width // 5 and overlay.width * overlay.height < 3 << 24


@pytest.mark.parametrize("kind", ["jpeg", "png"])
def test_a_hundred_megapixels_of_jpeg_and_png(kind, tmp_path):
    # Row by row the large photo's labels are those of the same pixels held: the command holds what is interlaced.
    width, height = 12_000, 8_500
    picture = photo(400, 280).resize((width, height), Image.NEAREST)
    file = save(tmp_path / f"large.{kind}", encoded(picture, kind, **({"quality": 85} if kind == "jpeg" else {"compress_level": 1})))
    memory = segment(file, tmp_path / "rows", "--outputs", "mask,grey,json")
    # Labels take two bytes a pixel; the pixels would take three more.
    assert memory < DEMO_MODEL.stat().st_size + 2 * width * height + (300 << 20), f"{memory / 2**20:.0f} MiB"
    if kind == "jpeg":
        progressive = tmp_path / "progressive.jpg"
        subprocess.run(["jpegtran", "-progressive", "-outfile", progressive, file], check=True)
        more = segment(progressive, tmp_path / "held", "--outputs", "mask,grey,json")
        assert more > memory + 2 * width * height
        rows, held = (np.asarray(Image.open(tmp_path / name / "grey.png")) for name in ("rows", "held"))
        assert np.array_equal(rows, held)


def test_a_large_photo_that_ends_early_is_an_error_that_names_it(tmp_path):
    data = encoded(photo(400, 280).resize((10_000, 7_000), Image.NEAREST), "jpeg", quality=60)
    file = save(tmp_path / "cut.jpg", data[:len(data) // 2])
    line = fail("segment", file, "-c", CLASSES, *BARE, "-o", tmp_path / "out")
    assert line.count("cut.jpg") == 1 and "in row" in line and "--salvage" in line
    segment(file, tmp_path / "out", "--salvage")
    assert any("truncated" in w for w in result(tmp_path / "out")["warnings"])
