"""A folder of photos end to end: decoded, computed and written by `sclip segment`, two photos side by side."""
import json
import os
import shutil

from ..step import Failed, Row
from . import encoder
from .correctness import CLASSES

PRECISION = "f16"


def _fill(folder, photos, count):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for i in range(count):
        photo = photos[i % len(photos)]
        target = folder / f"photo-{i:04d}{photo.suffix}"
        try:
            os.link(photo, target)
        except OSError:
            shutil.copyfile(photo, target)


def run(bench):
    photos = [bench.place.small_photo] if bench.simulated else sorted(bench.place.photo.parent.glob("*.jpg"))
    few, many = (1, 2) if bench.simulated else (8, 200 if bench.full else 104)
    work = bench.out / "folder"
    seconds, windows = {}, {}
    for count in (few, few, many):  # the first run also makes the text bank
        photo_folder, results = work / f"photos-{count}", work / f"results-{count}"
        _fill(photo_folder, photos, count)
        shutil.rmtree(results, ignore_errors=True)
        command = bench.program("sclip", "segment", photo_folder, "--model", bench.model, "--device", "cuda", "--precision", PRECISION,
                                "--classes", CLASSES, "--cache-dir", bench.out / "banks", "--jobs", 2, "--quiet", "-o", results)
        seconds[count] = bench.run(command).seconds
        written = sorted(results.rglob("*result.json"))
        if len(written) != count:
            raise Failed(f"{len(written)} of {count} photos have a result")
        windows[count] = sum(json.loads(path.read_text())["windows"] for path in written)
    # The difference leaves out what a run takes before its first photo.
    taken = seconds[many] - seconds[few]
    if taken <= 0:
        raise Failed(f"{many} photos took no longer than {few}")
    rate = (windows[many] - windows[few]) / taken
    top = encoder.best(bench, PRECISION)
    share = f", {rate / top:.1%} of the encoder's best" if top else ""
    yield Row(f"{many} photos, {PRECISION}, --jobs 2", (many - few) / taken, "photos/s", f"{rate:,.0f} windows/s{share}",
              bench.spell(command))
    shutil.rmtree(work, ignore_errors=True)
