#!/usr/bin/env python3
"""Makes README's pictures with the bundled model: what `make demo` writes, and the same photo under three read-outs.

    scripts/make_demo_figures.py        SCLIP_BIN names another binary than build/sclip

Writes docs/images/demo.png and docs/images/policies.png; needs Pillow."""
import os
import re
import subprocess
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[1]
PICTURES = ROOT / "docs/images"
POLICIES = ("clip", "maskclip", "sclip")
WIDTH, GAP, TITLE = 420, 8, 30


def setting(name: str) -> str:
    """Of the Makefile: what `make demo` runs with."""
    return re.search(rf"^{name} := (.*)$", (ROOT / "Makefile").read_text(), re.M)[1]


def overlay(folder: str, *options: str) -> Image.Image:
    binary = os.environ.get("SCLIP_BIN", ROOT / "build/sclip")
    subprocess.run([binary, "segment", ROOT / setting("demo_photo"), "--classes", setting("demo_classes"), "--outputs", "overlay", "-q", "-o", folder,
                    *options], check=True)
    return Image.open(Path(folder) / "overlay.png").convert("RGB")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        overlay(folder).save(PICTURES / "demo.png", optimize=True)
        pictures = [overlay(folder, "--policy", policy, "--overlay-size", "photo") for policy in POLICIES]
    height = round(WIDTH * pictures[0].height / pictures[0].width)
    sheet = Image.new("RGB", (len(POLICIES) * (WIDTH + GAP) - GAP, TITLE + height), (26, 27, 32))
    draw = ImageDraw.Draw(sheet)
    for i, (policy, picture) in enumerate(zip(POLICIES, pictures, strict=True)):
        sheet.paste(picture.resize((WIDTH, height), Image.Resampling.LANCZOS), (i * (WIDTH + GAP), TITLE))
        draw.text((i * (WIDTH + GAP) + WIDTH // 2, TITLE // 2), policy, (240, 240, 240), ImageFont.load_default(18), anchor="mm")
    sheet.save(PICTURES / "policies.png", optimize=True)


if __name__ == "__main__":
    main()
