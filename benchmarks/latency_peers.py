#!/usr/bin/env python3
"""A photo's latency: sclip beside Python programs whose encoder is ONNX Runtime or OpenVINO, in one run.

usage: .venv/bin/python benchmarks/latency_peers.py [--rounds 100] [--json FILE]      Ctrl-C: the rounds so far
See benchmarks/README.md for what is measured and how.
"""
import argparse
import json
import math
import os
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.peers import CLASSES, Arena, cpu_facts, weights  # noqa: E402


def percentile(values: list[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * share) - 1, 0)]


def contestants(arena: Arena, bf16: bool) -> list:
    common = {"classes": CLASSES}
    made = [arena.python("ONNX Runtime, f32", "onnxruntime_photo", **common)]
    for precision in ["f32", "bf16"] if bf16 else ["f32"]:
        made.append(arena.python(f"OpenVINO, {precision}", "openvino_photo", precision=precision, **common))
        made.append(arena.python(f"OpenVINO, {precision}, tuned", "openvino_photo", precision=precision, tuned=True, **common))
        sclip = arena.sclip("sclip_photo_bench", photo=arena.arguments.photo, classes=CLASSES, precision=precision, warm=True)
        sclip.name = f"sclip, {precision}"
        made.append(sclip)
    return made


def rows(everyone: list, rounds: int) -> dict:
    """Of the first rounds, name → what was measured, beside sclip in the same precision."""
    seconds = {one.name: one.seconds[:rounds] for one in everyone}
    table = {}
    for one in everyone:
        own, ours = seconds[one.name], seconds[f"sclip, {one.name.split(', ')[1]}"]
        table[one.name] = {"median_s": statistics.median(own), "p99_s": percentile(own, 0.99), "min_s": min(own),
                           "ratio": statistics.median(own) / statistics.median(ours),
                           "paired_ratio": statistics.median(a / b for a, b in zip(own, ours)),
                           "cpu_s": statistics.median(one.cpu_seconds[:rounds]), "seconds": own, **one.facts}
    for name, row in table.items():
        row["cpu_ratio"] = row["cpu_s"] / table[f"sclip, {name.split(', ')[1]}"]["cpu_s"]
    return table


def show(table: dict, rounds: int, threads: int, machine: dict) -> None:
    print(f"\n{rounds} rounds, {threads} threads, load {machine['load_before'][0]:.1f} before and {machine['load_after'][0]:.1f} after")
    print("ratios to sclip in the same precision: of the medians, the median of the rounds' own, of processor time")
    print(f"  {'':24}{'median':>10}{'p99':>10}{'least':>10}  {'ratio':>6}{'paired':>8}{'cpu':>7}{'agreement':>11}")
    for name, row in table.items():
        agreement = f"{row['agreement']:.3f}" if "agreement" in row else "–"
        print(f"  {name:24}{row['median_s'] * 1e3:>7.0f} ms{row['p99_s'] * 1e3:>7.0f} ms{row['min_s'] * 1e3:>7.0f} ms"
              f"  {row['ratio']:>6.2f}{row['paired_ratio']:>8.2f}{row['cpu_ratio']:>7.2f}{agreement:>11}")


def main():
    parser = argparse.ArgumentParser(description="Measures the latency of a photo beside sclip's peers.",
                                     epilog="Needs the packages of `scripts/python_env.sh --bench`.")
    parser.add_argument("--json", help="write everything measured to this file")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--photo", default=str(ROOT / "tests/data/photos/china.jpg"))
    parser.add_argument("--build", default=str(ROOT / "build"), help="folder with sclip_photo_bench")
    parser.add_argument("--work", default=str(ROOT / ".cache/peers"), help="folder for weights and exported graphs")
    arguments = parser.parse_args()

    machine = cpu_facts()
    arena = Arena(arguments, *weights(Path(arguments.work), True))
    everyone = contestants(arena, machine["avx512_bf16"])
    try:
        arena.compete("photo", everyone)
    except KeyboardInterrupt:
        print("\nstopped; the rounds that are complete count", file=sys.stderr)
    machine["load_after"] = os.getloadavg()

    rounds = min(len(one.seconds) for one in everyone)
    if rounds == 0:
        sys.exit("stopped before the first round was over")
    table = rows(everyone, rounds)
    show(table, rounds, arguments.threads, machine)
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"machine": machine, "rounds": rounds, "contestants": table}, indent=1) + "\n")


if __name__ == "__main__":
    main()
