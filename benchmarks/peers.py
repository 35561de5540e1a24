#!/usr/bin/env python3
"""sclip beside PyTorch, ONNX Runtime and OpenVINO: the same weights, photo and threads, in one run.

usage: .venv/bin/python benchmarks/peers.py [--json FILE] [--rounds 7] [--skip-sclip] [--only f32|bf16|photo]
See benchmarks/README.md for what is measured and how.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.contestants.process import Contestant, alternate  # noqa: E402

CLASSES = "sky; building, house, temple; tree; person; water, lake; mountain; road; grass; boat"
WINDOWS = 8


def cpu_facts() -> dict:
    info = Path("/proc/cpuinfo").read_text() if os.path.exists("/proc/cpuinfo") else ""
    names = [line.split(":")[1].strip() for line in info.splitlines() if line.startswith("model name")]
    return {"cpu": names[0] if names else platform.processor(), "cores": os.cpu_count(),
            "avx512": " avx512f " in info, "avx512_bf16": " avx512_bf16 " in info, "load_before": os.getloadavg()}


def environment(threads: int) -> dict:
    made = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    made["PYTHONPATH"] = f"{ROOT}:{ROOT / 'weights/convert'}"
    return made


def weights(folder: Path, with_blob: bool) -> tuple[Path, Path]:
    """Random ViT-B/16 weights, and the same as a blob; made once."""
    folder.mkdir(parents=True, exist_ok=True)
    state, blob = folder / "vit-b-16-random.pt", folder / "vit-b-16-random.sclip"
    if not state.exists():
        subprocess.run([sys.executable, "-m", "tests.reference.random_weights", str(state)], check=True, cwd=ROOT)
    if with_blob and not blob.exists():
        subprocess.run([sys.executable, "-m", "sclip_convert", "--from", "openai", str(state), "-o", str(blob),
                        "--dtype", "f32"], check=True, cwd=ROOT, env=environment(os.cpu_count()))
    return state, blob


def as_flags(options: dict) -> list[str]:
    """True is a flag without a value."""
    return [text for key, value in options.items() for text in ([f"--{key}"] if value is True else [f"--{key}", str(value)])]


class Arena:
    """Starts contestants with shared settings, runs them in turns, and keeps the results."""

    def __init__(self, arguments, state: Path, blob: Path):
        self.arguments, self.state, self.blob = arguments, state, blob
        self.env = environment(arguments.threads)

    def python(self, name: str, module: str, **options) -> Contestant:
        settings = {"weights": self.state, "photo": self.arguments.photo, "threads": self.arguments.threads, **options}
        print(f"  preparing {name}", file=sys.stderr, flush=True)
        return Contestant(name, [sys.executable, "-m", f"benchmarks.contestants.{module}", *as_flags(settings)], self.env)

    def sclip(self, program: str, **options) -> Contestant:
        path = Path(self.arguments.build) / program
        if not path.exists():
            sys.exit(f"{path} is not there: build it first, or measure the peers alone with --skip-sclip")
        print("  preparing sclip", file=sys.stderr, flush=True)
        return Contestant("sclip", [str(path), "--model", str(self.blob), "--threads", str(self.arguments.threads),
                                    *as_flags(options), "--serve"], self.env, announces=False)

    def compete(self, title: str, contestants: list[Contestant]) -> None:
        def progress(done, rounds):
            print(f"\r  {title}: round {done} of {rounds}", end="" if done < rounds else "\n", file=sys.stderr, flush=True)
        try:
            alternate(contestants, self.arguments.rounds, progress)
        finally:
            for contestant in contestants:
                contestant.stop()


def result_of(contestant: Contestant) -> dict:
    return {"median_s": contestant.median, "min_s": min(contestant.seconds), "seconds": contestant.seconds,
            "cpu_seconds": contestant.cpu_seconds, **contestant.facts}


def measure_encoder(arena: Arena, precision: str, skip_sclip: bool) -> dict:
    common = {"windows": WINDOWS, "precision": precision, "policy": "sclip"}
    contestants = [arena.python("PyTorch", "torch_encoder", **common),
                   arena.python("OpenVINO", "openvino_encoder", **common)]
    if precision == "f32":
        contestants.insert(1, arena.python("ONNX Runtime", "onnxruntime_encoder", **common))
    if not skip_sclip:
        contestants.append(arena.sclip("sclip_encoder_bench", **common))
    peak = arena.python("GEMM peak", "gemm_peak", precision=precision)
    answers = []
    original = peak.run
    peak.run = lambda counted=True: answers.append(json.loads(original(counted)))
    arena.compete(f"encoder {precision}", contestants + [peak])
    best = {name: max(a[name] for a in answers) for name in answers[0]}

    from benchmarks.contestants.workload import FLOPS_NOTE, flops_per_window, load_model
    flops = flops_per_window(load_model(arena.state)) * WINDOWS
    table = {c.name: result_of(c) for c in contestants}
    for row in table.values():
        row["windows_per_s"] = WINDOWS / row["median_s"]
        row["gflops"] = flops / row["median_s"] / 1e9
        row["share_of_peak"] = row["gflops"] / max(best.values())
    return {"gemm_peak_gflops": max(best.values()), "gemm_tried": best, "flops": flops, "flops_note": FLOPS_NOTE,
            "contestants": table}


def measure_photo(arena: Arena, skip_sclip: bool) -> dict:
    contestants = [arena.python("PyTorch", "torch_photo", classes=CLASSES, policy="sclip")]
    if not skip_sclip:
        contestants.append(arena.sclip("sclip_photo_bench", photo=arena.arguments.photo, classes=CLASSES, precision="f32"))
    arena.compete("photo, cold text bank", contestants)
    return {"classes": CLASSES, "contestants": {c.name: result_of(c) for c in contestants},
            "note": "decoding to labels with tokenisation and a new text bank each time; loading the model not counted"}


def ratios(results: dict) -> dict:
    """Peer's median over sclip's: above 1 means that sclip is faster."""
    wanted = {"encoder_f32_vs_openvino": ("encoder_f32", "OpenVINO"), "encoder_f32_vs_pytorch": ("encoder_f32", "PyTorch"),
              "encoder_f32_vs_onnxruntime": ("encoder_f32", "ONNX Runtime"),
              "encoder_bf16_vs_openvino": ("encoder_bf16", "OpenVINO"), "encoder_bf16_vs_pytorch": ("encoder_bf16", "PyTorch"),
              "photo_cold_vs_pytorch": ("photo_cold", "PyTorch")}
    found = {"ratios": {}, "paired_ratios": {}, "cpu_ratios": {}}
    for key, (group, peer) in wanted.items():
        table = results.get(group, {}).get("contestants", {})
        if peer in table and "sclip" in table:
            found["ratios"][key] = table[peer]["median_s"] / table["sclip"]["median_s"]
            found["paired_ratios"][key] = statistics.median(
                a / b for a, b in zip(table[peer]["seconds"], table["sclip"]["seconds"]))
            found["cpu_ratios"][key] = (statistics.median(table[peer]["cpu_seconds"])
                                        / max(statistics.median(table["sclip"]["cpu_seconds"]), 0.01))
    return found


def disturbed(results: dict) -> float:
    """Share of the processors that contestants did not get, over all encoder rounds: other programs took it."""
    rows = [row for key, group in results.items() if key.startswith("encoder") for row in group["contestants"].values()]
    wall = sum(sum(row["seconds"]) for row in rows) * results["threads"]
    return 1 - sum(sum(row["cpu_seconds"]) for row in rows) / wall if wall else 0.0


def show(results: dict) -> None:
    for precision in ("f32", "bf16"):
        if group := results.get(f"encoder_{precision}"):
            print(f"\nimage encoder, {precision}: {WINDOWS} windows, ViT-B/16, CSA; "
                  f"GEMM peak {group['gemm_peak_gflops']:.0f} GFLOP/s")
            print(f"  {'':14}{'median':>10}{'windows/s':>11}{'of peak':>9}{'error':>10}  settings")
            for name, row in group["contestants"].items():
                error = f"{row['error']:.1e}" if "error" in row else "–"
                print(f"  {name:14}{row['median_s'] * 1e3:>7.1f} ms{row['windows_per_s']:>11.2f}"
                      f"{row['share_of_peak']:>9.1%}{error:>10}  {row.get('settings', '')}")
    if group := results.get("photo_cold"):
        print(f"\nphoto to mask, text bank of 80 templates made anew, classes “{group['classes']}”")
        for name, row in group["contestants"].items():
            print(f"  {name:14}{row['median_s'] * 1e3:>8.0f} ms  {row.get('settings', '')}")
    if (lost := disturbed(results)) > 0.1:
        print(f"\nwarning: contestants got {1 - lost:.0%} of the processor time they could use; is something else running?")
    if results["ratios"]:
        print("\nratios (above 1: sclip is faster; in brackets the rounds' own ratios, and processor time's)")
        for key, value in results["ratios"].items():
            print(f"  {key:28}{value:>7.2f}  ({results['paired_ratios'][key]:.2f}, {results['cpu_ratios'][key]:.2f})")


def main():
    parser = argparse.ArgumentParser(description="Measures sclip beside its peers.",
                                     epilog="Needs the packages of `scripts/python_env.sh --bench`.")
    parser.add_argument("--json", help="write everything measured to this file")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--photo", default=str(ROOT / "tests/data/photos/china.jpg"))
    parser.add_argument("--build", default=str(ROOT / "build"), help="folder with sclip_encoder_bench and sclip_photo_bench")
    parser.add_argument("--work", default=str(ROOT / ".cache/peers"), help="folder for weights and exported graphs")
    parser.add_argument("--skip-sclip", action="store_true", help="the peers alone")
    parser.add_argument("--only", choices=["f32", "bf16", "photo"], help="one part")
    arguments = parser.parse_args()

    results = {"machine": cpu_facts(), "threads": arguments.threads, "rounds": arguments.rounds}
    arena = Arena(arguments, *weights(Path(arguments.work), not arguments.skip_sclip))
    parts = [arguments.only] if arguments.only else ["f32", "bf16", "photo"]
    if "bf16" in parts and not results["machine"]["avx512_bf16"]:
        results["bf16_skipped"] = "this CPU has no AVX-512 BF16"
        print(results["bf16_skipped"], file=sys.stderr)
        parts.remove("bf16")
    for part in parts:
        if part == "photo":
            results["photo_cold"] = measure_photo(arena, arguments.skip_sclip)
        else:
            results[f"encoder_{part}"] = measure_encoder(arena, part, arguments.skip_sclip)
    results |= ratios(results)
    results["machine"]["load_after"] = os.getloadavg()
    show(results)
    if arguments.json:
        partial = Path(arguments.json + ".partial")
        partial.write_text(json.dumps(results, indent=1) + "\n")
        partial.replace(arguments.json)


if __name__ == "__main__":
    main()
