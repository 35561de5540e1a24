#!/usr/bin/env python3
"""What every policy costs: the time of a photo against `sclip`'s, on random ViT-B/16 weights.

usage: .venv/bin/python benchmarks/read_outs.py [--json FILE] [--rounds 3] [--starts 3] [--only NAME[:OPTION=VALUE],…] [--crop 224]
       [--precision f32,bf16] [--quick] [--limits]
One photo, 8 windows of 224×224 and 56 words, a session that is warm. Each policy takes turns with `sclip`, one run each, and the
median of the rounds' ratios counts. Beside it the same of processor time, which other programs on the machine disturb less: in
f32 that is what `cost` in engine/dense_head/policies.cpp holds, to 0.05. --limits measures those that have one, and fails above it.
"""
import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.contestants.process import Contestant, alternate  # noqa: E402
from benchmarks.peers import cpu_facts, environment, weights  # noqa: E402

# The most processor time against `sclip`'s, and the crop at which it holds: beside sliding windows rf-clip sends the whole photo
# through the tower, which costs more than its limit by itself (docs/read_outs/rf_clip.md).
LIMITS = {"sc-clip": (1.1, 224), "rf-clip": (1.25, 0)}


def policies(build: Path) -> list[str]:
    import subprocess
    text = subprocess.run([build / "sclip", "info", "--policies"], check=True, capture_output=True, text=True).stdout
    return [row.split()[0] for row in text.split("\n\n")[0].splitlines()[1:]]


def spelling(policy: str, folder: Path) -> str:
    """`learned` needs a file; what it holds does not change the time."""
    if policy != "learned":
        return policy
    import numpy as np
    np.save(folder / "w.npy", np.random.default_rng(0).standard_normal((768, 768)).astype(np.float32) / 768**0.5)
    return f"learned:file={folder / 'w.npy'}"


def start(arguments, blob: Path, policy: str, precision: str) -> Contestant:
    command = [arguments.build / "sclip_photo_bench", "--photo", arguments.photo, "--model", blob, "--config", "voc21", "--warm", "--serve",
               "--templates", "none", "--crop", arguments.crop, "--precision", precision, "--threads", arguments.threads, "--policy", policy]
    return Contestant(policy, [str(part) for part in command], environment(arguments.threads), announces=False)


def measure(arguments, blob: Path, names: list[str], precision: str, folder: Path) -> dict:
    found = {}
    for name in names:
        own, ours = [], []
        # Both anew in each part of the rounds: where a process's memory lies is worth some percent, and stays.
        for part in range(arguments.starts):
            pair = [start(arguments, blob, "sclip", precision)]
            try:
                pair.append(start(arguments, blob, spelling(name, folder), precision))
                alternate(pair, arguments.rounds, lambda done, rounds: None)
            finally:
                for one in pair:
                    one.stop()
            ours.append(pair[0])
            own.append(pair[1])
        seconds = [[s for one in side for s in one.seconds] for side in (own, ours)]
        cpu = [[s for one in side for s in one.cpu_seconds] for side in (own, ours)]
        found[name] = {"seconds": statistics.median(seconds[0]), "sclip_seconds": statistics.median(seconds[1]),
                       "ratio": statistics.median(a / b for a, b in zip(*seconds)), "cpu_ratio": statistics.median(a / b for a, b in zip(*cpu))}
        print(f"{precision}  {name:<12} {found[name]['ratio']:6.3f}  processor {found[name]['cpu_ratio']:6.3f}  "
              f"{found[name]['seconds'] * 1e3:8.1f} ms", flush=True)
    return found


def check_limits(arguments, blob: Path) -> None:
    slow = []
    for name, (limit, arguments.crop) in LIMITS.items():
        ratio = measure(arguments, blob, [name], "f32", Path())[name]["cpu_ratio"]
        if not ratio <= limit:
            slow.append(f"{name} takes {ratio:.3f} of sclip's processor time at crop {arguments.crop}, allowed {limit}")
    if slow:
        sys.exit("\n".join(slow))


def main() -> None:
    parser = argparse.ArgumentParser(description="What every policy costs against sclip.")
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--photo", type=Path, default=ROOT / "tests/data/photos/china.jpg")
    parser.add_argument("--model-folder", type=Path, default=ROOT / ".cache/peers", help="where the random weights are kept")
    parser.add_argument("--rounds", type=int, default=3, help="of each start")
    parser.add_argument("--starts", type=int, default=3, help="of both programs, for each policy")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--precision", default="", help="f32, bf16 or both; default: both where the processor has bf16")
    parser.add_argument("--only", default="", help="policies, joined by ','")
    parser.add_argument("--crop", type=int, default=224, help="of the windows; 0: the photo is the only one")
    parser.add_argument("--quick", action="store_true", help="one start, two rounds: that it runs, not how fast")
    parser.add_argument("--limits", action="store_true", help="only the policies with a limit, in f32, and fail above it")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if arguments.limits and (arguments.only or arguments.precision or arguments.json):
        parser.error("--limits says by itself which policies run, in f32, and writes nothing")
    if arguments.quick:
        arguments.rounds, arguments.starts = 2, 1
    facts = cpu_facts()
    arguments.threads = arguments.threads or facts["cores"]
    precisions = arguments.precision.split(",") if arguments.precision else ["f32"] + ["bf16"] * facts["avx512_bf16"]
    known = policies(arguments.build)
    names = arguments.only.split(",") if arguments.only else known
    _, blob = weights(arguments.model_folder, with_blob=True)
    if arguments.limits:
        return check_limits(arguments, blob)
    with tempfile.TemporaryDirectory() as folder:
        results = {p: measure(arguments, blob, names, p, Path(folder)) for p in precisions}
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": facts, "rounds": arguments.rounds, "starts": arguments.starts, **results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
