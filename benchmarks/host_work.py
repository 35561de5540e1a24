#!/usr/bin/env python3
"""What a photo costs the host beside the device: decoding and writing, on one core, by size and by outputs.

    .venv/bin/python benchmarks/host_work.py                     the table of docs/decisions/0006-no-nvjpeg.md
    .venv/bin/python benchmarks/host_work.py --rounds 3 --windows-per-second 16000

`cores` is how many of these cores keep a device busy that computes --windows-per-second, where photos have eight windows. Photos are
china.jpg enlarged, with grain, so that a file has as many bits a pixel as a camera's.
"""
import argparse
import pathlib
import re
import statistics
import subprocess
import tempfile

import numpy as np
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent
SIZES = ((640, 427), (1920, 1280), (4000, 2667))
OUTPUTS = ("mask", "mask,overlay-jpeg,json", "mask,overlay,json")
WINDOWS = 8  # of a photo of 3:2, short side 224, windows of 224 every 112 pixels; larger photos are resized to as many


def make(path, width, height):
    photo = np.asarray(Image.open(ROOT / "tests/data/photos/china.jpg").resize((width, height), Image.Resampling.BICUBIC), np.int16)
    grain = np.random.default_rng(1).normal(0, 4, photo.shape[:2])[..., None]
    Image.fromarray(np.clip(photo + grain, 0, 255).astype(np.uint8)).save(path, quality=90)


def stages(build, photo, outputs, out):
    """Seconds of decoding and of writing, as the command tells them, on one thread."""
    command = [build / "sclip", "segment", photo, "--classes", "sky; building, house; tree; water", "--threads", "1", "--outputs", outputs, "-o", out]
    said = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout
    return tuple(float(re.search(rf"\b{stage} ([\d.]+)", said)[1]) for stage in ("decode", "write"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--windows-per-second", type=float, default=12000, help="of the device")
    options = parser.parse_args()
    rate = options.windows_per_second / WINDOWS
    print(f"| photo | outputs | decoding, ms | writing, ms | cores for {rate:,.0f} photos/s | without decoding |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        for width, height in SIZES:
            photo = work / f"{width}.jpg"
            make(photo, width, height)
            bits = 8 * photo.stat().st_size / (width * height)
            for outputs in OUTPUTS:
                measured = [stages(options.build, photo, outputs, work / "out") for _ in range(options.rounds)]
                decode, write = (statistics.median(times) for times in zip(*measured))
                print(f"| {width}×{height}, {bits:.1f} bits a pixel | {outputs.replace(',', ', ')} | {1e3 * decode:.0f} | {1e3 * write:.0f} | "
                      f"{(decode + write) * rate:.0f} | {write * rate:.0f} |")


if __name__ == "__main__":
    main()
