"""Nsight Compute on some blocks of the encoder: the five kernels that take longest, and what holds them."""
import csv
import re
from collections import defaultdict

from ..step import Failed, NotMeasured, Row

BATCH = 64
LAUNCHES = 40  # some blocks: each launch is replayed a few dozen times
TIME, BYTES = "gpu__time_duration.sum", "dram__bytes.sum"
SECTIONS = ("SpeedOfLight", "ComputeWorkloadAnalysis", "WarpStateStats")


def run(bench):
    wanted = [text for section in SECTIONS for text in ("--section", section)]
    # Clocks stay as they are: by default ncu would hold them at the base clock.
    command = bench.tool("ncu", "--csv", "--page", "raw", "--print-units", "base", "--clock-control", "none", *wanted, "--metrics",
                         f"{TIME},{BYTES}", "--launch-count", LAUNCHES, *bench.program(
                             "sclip_encoder_bench", "--model", bench.model, "--device", "cuda", "--precision", "f16", "--windows", BATCH,
                             "--batch", 1024, "--rounds", 1, "--eager"))
    done = bench.run(command, check=False)
    if "ERR_NVGPUCTRPERM" in done.out + done.err:
        raise NotMeasured("the driver lets only administrators read counters (ERR_NVGPUCTRPERM)")
    if done.code != 0:
        raise Failed(f"ncu: {done.complaint()}")
    yield from (Row(*row, bench.spell(command)) for row in longest(done.out))


def longest(text, count=5):
    """(kernel, µs of one launch, unit, note) of the kernels with the largest sums of time."""
    lines = text.splitlines()
    head = next((i for i, line in enumerate(lines) if line.startswith('"ID"')), None)
    if head is None:
        raise Failed("ncu printed no table")
    launches = defaultdict(list)
    for row in csv.DictReader(lines[head:]):
        if row["ID"]:  # the row below the head has the units
            launches[row["Kernel Name"]].append(row)
    by_time = sorted(launches.items(), key=lambda item: -sum(number(row[TIME]) for row in item[1]))
    for name, rows in by_time[:count]:
        nanoseconds = sum(number(row[TIME]) for row in rows) / len(rows)
        moved = sum(number(row.get(BYTES)) for row in rows) / len(rows)
        tensor = max((number(value) for key, value in rows[0].items() if key and re.search(r"pipe_tensor.*pct", key)), default=0.0)
        stalls = {match[1]: number(value) for key, value in rows[0].items()
                  if key and (match := re.search(r"issue_stalled_(\w+?)_per_", key)) and "not_issued" not in key and match[1] != "selected"}
        worst = sorted(stalls, key=stalls.get, reverse=True)[:3]
        yield (name.split("(")[0][-60:], nanoseconds / 1e3, "µs",
               f"{len(rows)} launches; DRAM {moved / 1e6:.1f} MB, {moved / max(nanoseconds, 1):.0f} GB/s; tensor pipe {tensor:.0f}%; "
               f"stalls: {', '.join(f'{stall} {stalls[stall]:.2f}' for stall in worst) or 'none told'}")


def number(text):
    try:
        return float((text or "0").replace(",", ""))
    except ValueError:
        return 0.0  # n/a
