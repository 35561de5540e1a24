#!/usr/bin/env python3
"""A folder of photos end to end, decoded, computed and written with all default outputs, against the encoder alone.

    .venv/bin/python benchmarks/folder.py                          200 photos, two sessions, on the CPU; random ViT-B/16 weights
    benchmarks/folder.py --model vit-b16.sclip --device cuda       on a GPU, a model that is there

Both compute the same number of windows a round: `share` is the folder's windows a second over the encoder's, the median
of the rounds' own ratios. What a run takes before its first photo (loading, the text bank) is left out: the time of a
run over a few photos is taken off.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.peers import weights  # noqa: E402

CLASSES = "sky; building, house; tree; water; person"
FEW = 4


def fill(folder, photo, count):
    folder.mkdir()
    for i in range(count):
        os.symlink(photo, folder / f"photo-{i:04d}{photo.suffix}")
    return folder


def seconds(command):
    begin = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", help="default: random ViT-B/16 weights, made once with the converter (needs the Python environment)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--photo", type=pathlib.Path, default=ROOT / "tests/data/photos/china.jpg")
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    options = parser.parse_args()
    options.model = options.model or weights(ROOT / ".cache/peers", with_blob=True)[1]
    engine = ["--model", options.model, "--device", options.device, "--precision", options.precision]

    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        few, many = (fill(work / f"{count}", options.photo.resolve(), count) for count in (FEW, options.photos))

        def folder_run(photos):
            return seconds([options.build / "sclip", "segment", photos, *engine, "--classes", CLASSES, "--jobs", options.jobs,
                            "--cache-dir", work / "banks", "--quiet", "-o", work / f"out-{photos.name}"])

        folder_run(few)  # makes the text bank
        result = next((work / f"out-{FEW}").glob("*result.json"))
        windows = json.loads(result.read_text())["windows"]
        rows = []
        for _ in range(options.rounds):
            end_to_end = (options.photos - FEW) * windows / (folder_run(many) - folder_run(few))
            encoder = subprocess.run([str(options.build / "sclip_encoder_bench"), *engine, "--windows", str(4 * windows), "--rounds",
                                      "9", "--json"], check=True, capture_output=True, text=True)
            alone = json.loads(encoder.stdout)
            rows.append((end_to_end, alone["windows"] / alone["median"]))
        for end_to_end, alone in rows:
            print(f"folder {end_to_end / windows:8.2f} photos/s  {end_to_end:8.1f} windows/s   encoder {alone:8.1f} windows/s   "
                  f"share {end_to_end / alone:6.1%}")
        print(f"share {statistics.median(a / b for a, b in rows):.1%} of {options.photos} photos, {windows} windows each, --jobs "
              f"{options.jobs}, {options.device} {options.precision}")


if __name__ == "__main__":
    main()
