#!/usr/bin/env python3
"""What a cluster of equal machines reaches with `sclip.ray.segment_dataset`, by figures measured on one: the tables of docs/ray.md.

usage: benchmarks/cluster_estimate.py [--windows-per-second W] [--windows N] [--storage-gbit G] [--photo-bytes B] …
       benchmarks/cluster_estimate.py --driver      measures how many shards a second a driver gives out (needs Ray and the package)
       benchmarks/cluster_estimate.py --photo       what a photo is read and written (the same)

A machine computes w windows a second and a photo has n, so that N machines make N·w·share/n photos a second, until the storage's network
carries no more photos and masks, or the driver gives out no more shards. A run takes as long as all machines read the model through that
network, the photos at that rate, and a shard more, for which the last machine may be waited for.
"""
import argparse
import pathlib
import re
import shutil
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
PHOTO = ROOT / "tests/data/photos/china.jpg"
WORDS = "sky; building, house; tree"
MACHINES = (1, 4, 16, 64, 256, 1024, 4096, 16384)
SPEEDS = (100, 1000, 10000)  # windows a second of machines that nobody has measured yet


def measured(precision):
    """Windows a second of ViT-B/16 on two cores: the row of docs/performance.md, which benchmarks/peers.py prints."""
    text = (ROOT / "docs/performance.md").read_text()
    table = text[text.index(f"\n{precision}:\n"):]
    return float(re.search(r"^\| sclip \| \d+ \| ([\d.]+) \|", table, re.M)[1])


def driver_rate(shards=2000):
    """Shards a second that a driver gives out to processes that do nothing."""
    import ray
    from sclip.ray.crew import Crew

    class Idle:
        def facts(self):
            return {}

        def run(self, number, photos):
            return len(photos), 0
    ray.init(num_cpus=2, include_dashboard=False, logging_level="warning")
    kind = ray.remote(num_cpus=1)(Idle)
    begun = []
    crew = Crew(kind.remote, lambda facts: begun.append(time.perf_counter()), 1, None)
    photos = [(f"/photos/folder-{i:03}/photograph-{i:08}.jpg", f"folder-{i:03}/photograph-{i:08}.mask.png") for i in range(64)]
    crew.run(dict.fromkeys(range(shards), photos), 2)
    return shards / (time.perf_counter() - begun[0])


def photo_bytes(model):
    """(mask, row) of china.jpg in a shard of 64: it and crops of it, so that no row repeats another."""
    import sclip.ray
    from PIL import Image
    with tempfile.TemporaryDirectory() as work:
        photos, out = pathlib.Path(work) / "photos", pathlib.Path(work) / "out"
        photos.mkdir()
        china = Image.open(PHOTO)
        shutil.copy(PHOTO, photos / "photograph-00.jpg")
        for i in range(1, 64):
            china.crop((i, 0, china.width, china.height - i)).save(photos / f"photograph-{i:02}.png")
        sclip.ray.segment_dataset(photos, WORDS, out, workers=1, model=model)
        shard, = (out / "statistics").glob("*.parquet")
        return (out / "masks/photograph-00.mask.png").stat().st_size, shard.stat().st_size / 64


class Estimate:
    def __init__(self, given):
        self.given = given
        self.bytes = given.photo_bytes + given.mask_bytes + given.row_bytes
        self.storage = given.storage_gbit * 1e9 / 8
        self.limits = {"the storage's network": self.storage / self.bytes, "the driver": given.driver * given.shard_size}

    def machine(self, windows_per_second):
        """Photos a second of one."""
        return windows_per_second * self.given.share / self.given.windows

    def rate(self, machines, windows_per_second):
        """(photos a second, what they are held by)."""
        held, limit = min(self.limits.items(), key=lambda item: item[1])
        alone = machines * self.machine(windows_per_second)
        return (alone, "computing") if alone <= limit else (limit, held)

    def hours(self, machines, windows_per_second):
        """For a million photos."""
        start = machines * self.given.model_mib * 2**20 / self.storage
        last = self.given.shard_size / self.machine(windows_per_second)
        return (start + 1e6 / self.rate(machines, windows_per_second)[0] + last) / 3600

    def end_of_growth(self, windows_per_second):
        """(machines beyond which there is no more, what holds them)."""
        held, limit = min(self.limits.items(), key=lambda item: item[1])
        return limit / self.machine(windows_per_second), held


def spelled(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(estimate, speeds):
    names = list(speeds)
    print("| machines | " + " | ".join(f"{name}: photos a second | held by | hours for a million photos" for name in names) + " |")
    print("|---" * (1 + 3 * len(names)) + "|")
    for machines in MACHINES:
        cells = [f"{machines:,}"]
        for name in names:
            rate, held = estimate.rate(machines, speeds[name])
            cells += [spelled(rate), held, spelled(estimate.hours(machines, speeds[name]))]
        print("| " + " | ".join(cells) + " |")
    print()
    print("| windows a second of a machine | its photos a second | MB/s through its network | growth ends at machines | because of |")
    print("|---|---|---|---|---|")
    for name, speed in [*((f"{speed:g} ({name}, measured)", speed) for name, speed in speeds.items()), *((f"{s:,} (not measured)", s) for s in SPEEDS)]:
        machines, held = estimate.end_of_growth(speed)
        rate = estimate.machine(speed)
        print(f"| {name} | {spelled(rate)} | {spelled(rate * estimate.bytes / 1e6)} | {spelled(machines)} | {held} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", action="store_true", help="measure it instead of printing tables")
    parser.add_argument("--photo", action="store_true", help="measure what one takes instead of printing tables")
    parser.add_argument("--model", default="demo", help="of --photo")
    parser.add_argument("--windows-per-second", type=float, help="of a machine, instead of the measured ones")
    parser.add_argument("--windows", type=float, default=8, help="of a photo [640×427: 8]")
    parser.add_argument("--share", type=float, default=0.99, help="of the encoder's speed that a folder has [docs/performance.md, folders: 0.99]")
    parser.add_argument("--photo-bytes", type=float, default=PHOTO.stat().st_size, help="[china.jpg's]")
    parser.add_argument("--mask-bytes", type=float, default=3571, help="[china.jpg's mask of three classes: 3571]")
    parser.add_argument("--row-bytes", type=float, default=160, help="of a photo's statistics [three classes, shards of 64: 160]")
    parser.add_argument("--model-mib", type=float, default=287, help="[ViT-B/16 in f16: 287]")
    parser.add_argument("--storage-gbit", type=float, default=10, help="of the storage's network, all machines together [10]")
    parser.add_argument("--shard-size", type=float, default=64)
    parser.add_argument("--shards-per-second", type=float, default=340, help="that a driver gives out [--driver: 340]")
    given = parser.parse_args()
    if given.driver:
        print(f"{driver_rate():.0f} shards a second")
        return
    if given.photo:
        mask, row = photo_bytes(given.model)
        print(f"{given.photo_bytes:,.0f} bytes of china.jpg, {mask:,} of its mask of three classes, {row:.0f} of a row in a shard of 64")
        return
    given.driver = given.shards_per_second
    speeds = ({"given": given.windows_per_second} if given.windows_per_second else
              {f"{precision}": measured(precision) for precision in ("f32", "bf16")})
    table(Estimate(given), speeds)


if __name__ == "__main__":
    main()
