#!/usr/bin/env python3
"""Makes the pictures of docs/serve.md: the page of `sclip serve` with the bundled model and photograph, in Debian's Chromium.

usage: .venv/bin/python scripts/make_page_figures.py [FOLDER]      default: docs/images; SCLIP_BIN names another command
"""
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/python"))

from page_support import PATIENCE, browsing, visiting  # noqa: E402
from serve_support import DEMO_MODEL, serving  # noqa: E402

PHOTO = ROOT / "tests/data/photos/china.jpg"
WORDS = "sky; building, temple; tree; water"  # those of `make demo`


def picture(browser, service, path, *, other="", point=(0.42, 0.38), **options):
    with visiting(browser, service, words=WORDS, **options) as visit:
        visit.choose(PHOTO.read_bytes(), PHOTO.name)
        visit.answered()
        if other:
            visit.by("#policy-b").select_option(other)
            visit.by("#canvas-b").wait_for(timeout=PATIENCE)
            visit.answered()
        box = visit.by("#canvas-a").bounding_box()
        visit.mouse.move(box["x"] + box["width"] * point[0], box["y"] + box["height"] * point[1])
        visit.readout()
        visit.screenshot(path=path, type="jpeg", quality=82)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/images"
    with browsing() as browser, serving("-q", model=DEMO_MODEL) as service:
        picture(browser, service, folder / "page.jpg", reduced_motion="reduce")
        picture(browser, service, folder / "page-compare.jpg", other="clip", point=(0.78, 0.66), color_scheme="dark", reduced_motion="reduce")
        picture(browser, service, folder / "page-phone.jpg", width=390, height=844, reduced_motion="reduce")


if __name__ == "__main__":
    main()
