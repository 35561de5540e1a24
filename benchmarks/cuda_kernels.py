#!/usr/bin/env python3
"""Judges the CUDA kernels by counters, and puts a lower bound on their time.

Without a device each case of build/sclip_cuda_bench runs once under build/cudasim, whose counters do not depend on the
machine; with one (`--time`) the same program measures the same kernels at sizes that fill a device. The roofline model divides the counters by the peak figures
in benchmarks/cuda/devices.json: the largest of tensor products, DRAM bytes and issued warp instructions (four a cycle and
multiprocessor) is what the kernel cannot be faster than.

    benchmarks/cuda_kernels.py                        the table, and exit code 1 when a limit below is exceeded
    benchmarks/cuda_kernels.py --markdown FILE        the same as a page
    benchmarks/cuda_kernels.py --time 50              on a machine with a GPU
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Case (a regular expression) → limits on what the counters say, relative to the case's floor.
LIMITS = [
    (r"attention-csa-(197|256)", {"mma": 1.10, "bytes": 1.05, "write": 1.0, "conflicts": 0}),
    # Columns 2t and 2t + 1 of P are two stores, and N is odd: sectors are written in parts, which meet in L2.
    (r"attention-returned-", {"mma": 1.10, "bytes": 1.05, "write": 3.2, "conflicts": 0}),
    (r"attention-(added|values)-", {"mma": 1.10, "bytes": 1.05, "write": 1.0, "conflicts": 0}),
    (r"attention-", {"bytes": 1.05, "write": 1.0, "conflicts": 0}),
    (r"layernorm-|quick-gelu|l2-normalize", {"bytes": 1.05, "write": 1.0, "conflicts": 0}),
    # A warp writes one scale: a sector of 32 for a row of 768, 4 % of its codes.
    (r"quantize-fp8-", {"bytes": 1.05, "write": 1.05, "conflicts": 0}),
    # A word of four bytes a window: a sector of 32 each.
    (r"mean-norm", {"bytes": 1.05, "write": 8.0, "conflicts": 0}),
    # Rows of 171 words begin anywhere in a sector: parts of five in four, which meet in L2.
    (r"feature-surgery", {"bytes": 1.05, "write": 1.3, "conflicts": 0}),
    (r"procrustes-", {"bytes": 1.05, "write": 1.0, "conflicts": 0}),
    (r"patch-embed-", {"mma": 1.05, "bytes": 1.05, "write": 1.01, "conflicts": 0}),
    (r"add-rows|repair-patches", {"bytes": 1.05, "write": 1.0, "conflicts": 0}),
    # Rows of 196 or 197 floats begin within a sector, whose parts meet in L2.
    (r"lof-scores|similarity-maps", {"bytes": 1.05, "write": 1.3, "conflicts": 0}),
    # A warp writes one number: a mask, a row's entropy.
    (r"mark-patches|choose-heads", {"bytes": 1.05, "conflicts": 0}),
    (r"tree-attention|embed-tokens|gather-rows", {"bytes": 1.05, "write": 1.0, "conflicts": 0}),
    # Whole tiles; then warps of 64 rows beyond the last of 394 or 985.
    (r"gemm-.*-1024", {"mma": 1.0, "bytes": 1.0, "write": 1.0, "conflicts": 0}),
    (r"gemm-", {"mma": 1.15, "bytes": 1.001, "write": 1.0, "conflicts": 0}),
    (r"soften-sinks", {"bytes": 1.05, "write": 8.0, "conflicts": 0}),  # a sector for the word that a warp's lane 0 writes
    # Columns of cosines are written a word to a sector, then all of them in rows.
    (r"adapt-words", {"bytes": 1.05, "write": 5.0, "conflicts": 0}),
    (r"label-affinity", {"bytes": 1.10, "write": 1.2, "conflicts": 0}),
    (r"overlay", {"bytes": 1.05, "conflicts": 0}),
    # Rows of cells and of 640 pixels begin and end within sectors, whose parts meet in L2.
    (r"propagation-", {"bytes": 1.05, "write": 1.05, "conflicts": 0}),
    (r"pamr|label-planes", {"bytes": 1.05, "write": 1.05, "conflicts": 0}),
    (r"window-planes", {"bytes": 1.05, "write": 1.1, "conflicts": 0}),  # its tables are written, too
    (r"window-merge-\d+$", {"bytes": 1.05, "write": 1.1, "conflicts": 0}),  # its tables are written, too
]


def read_cases(bench):
    # The list needs no device.
    return json.loads(subprocess.run([bench, "--list"], check=True, capture_output=True, text=True).stdout)


def demangle(name):
    """The kernel's own name out of an Itanium-mangled one: the last identifier that ends in _kernel."""
    found = re.findall(r"\d([a-z]\w*?_kernel)(?=I|E|P|N|$)", name)
    return found[-1] if found else name


def count(case, bench, simulator, device):
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        run = subprocess.run([simulator, "--device", device, "--report", report, bench, "--case", case["name"]],
                             capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"{case['name']} failed under {simulator}:\n{run.stdout}{run.stderr}")
        return json.loads(report.read_text())["kernels"]


def sum_up(case, kernels):
    total = {key: sum(k[key] for k in kernels) for key in (
        "mma", "warp_instructions", "global_read_requests", "global_read_sectors", "global_write_requests",
        "global_write_sectors", "bank_conflict_cycles", "unique_bytes")}
    # What one kernel writes and the next one reads is counted by both: the floor of a call with two kernels has it once.
    main = max(kernels, key=lambda k: k["warp_instructions"])
    return {
        "case": case["name"],
        "shape": case["shape"],
        "kernels": [demangle(k["kernel"]) for k in kernels],
        "mma": total["mma"],
        "mma_ratio": total["mma"] / case["mma"] if case["mma"] else None,
        "bytes": main["unique_bytes"],
        "bytes_ratio": main["unique_bytes"] / case["bytes"],
        "instructions": total["warp_instructions"],
        "read_sectors": total["global_read_sectors"],
        "write_sectors": total["global_write_sectors"],
        "sectors_per_read": total["global_read_sectors"] / max(1, total["global_read_requests"]),
        "sectors_per_write": total["global_write_sectors"] / max(1, total["global_write_requests"]),
        "conflicts": total["bank_conflict_cycles"],
        "occupancy_warps": main["occupancy_blocks"] * (main["block_threads"] // 32),
        "write_ratio": total["global_write_sectors"] * 32 / case["written"] if case["written"] else None,
        "total_bytes": total["unique_bytes"],
    }


def bounds(row, devices):
    """Microseconds that the call cannot be faster than, and what holds it there, per device."""
    out = {}
    for name, d in devices.items():
        parts = {
            "tensor": row["mma"] * 4096 / (d["tensor_tflops"] * 1e6),
            "DRAM": row["total_bytes"] / (d["bandwidth_gbs"] * 1e3),
            "instructions": row["instructions"] / (d["multiprocessors"] * 4 * d["ghz"] * 1e3),
        }
        limit = max(parts, key=parts.get)
        out[name] = (parts[limit], limit)
    return out


def violations(row):
    for pattern, limits in LIMITS:
        if re.match(pattern, row["case"]):
            for key, limit in limits.items():
                value = row["conflicts"] if key == "conflicts" else row[key + "_ratio"]
                if value > limit:
                    yield f"{row['case']}: {key} {value:.3f}, allowed {limit}"
            return


def table(rows, devices):
    head = ["case", "shape", "mma", "÷ floor", "DRAM MB", "÷ floor", "warp instr.", "sectors/read", "sectors/write",
            "bank conflicts", "warps/SM"] + [f"{name}, µs ≥" for name in devices]
    body = []
    for r in rows:
        ratio = f"{r['mma_ratio']:.3f}" if r["mma_ratio"] else "–"
        body.append([r["case"], r["shape"], f"{r['mma']:,}", ratio, f"{r['bytes'] / 1e6:.2f}", f"{r['bytes_ratio']:.3f}",
                     f"{r['instructions']:,}", f"{r['sectors_per_read']:.1f}", f"{r['sectors_per_write']:.1f}",
                     f"{r['conflicts']:,}", str(r["occupancy_warps"])] +
                    [f"{time:.2f} ({what})" for time, what in bounds(r, devices).values()])
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in body])


def compare_fused(rows):
    """SCLIP's pair in one kernel against the two attentions that make it up (which would still have to be added)."""
    by_name = {r["case"]: r for r in rows}
    fused, parts = by_name.get("attention-csa-197"), [by_name.get(f"attention-{kind}-197") for kind in ("qq", "kk")]
    if fused is None or None in parts:
        return ""
    shares = {key: fused[key] / sum(p[key] for p in parts) for key in ("mma", "instructions", "bytes")}
    return (f"The fused pair against two attentions, N = 197: {shares['mma']:.3f} of the mma, {shares['instructions']:.3f} of the "
            f"warp instructions, {shares['bytes']:.3f} of the DRAM bytes.")


def time_cases(bench, rounds, only, devices):
    run = subprocess.run([bench, "--time", str(rounds)] + (["--only", only] if only else []), capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"{bench.name} did not measure: {run.stderr.strip()}")
    for line in run.stdout.splitlines():
        result = json.loads(line)
        name = next((n for n in devices if n.split()[0] in result["device"]), None)
        share = ""
        if name:
            d = devices[name]
            floor = max(result["mma"] * 4096 / (d["tensor_tflops"] * 1e6), result["bytes"] / (d["bandwidth_gbs"] * 1e3))
            share = f"{floor / result['microseconds']:7.1%} of the roofline of {name}"
        print(f"{result['name']:24} {result['shape']:44} {result['microseconds']:10.2f} µs {share}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="build tree (build)")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--device", default="sm_80", help="the simulated device: sm_80, sm_90 or sm_120")
    parser.add_argument("--markdown", type=pathlib.Path, help="write the table to this file, between its markers")
    parser.add_argument("--check-page", type=pathlib.Path, help="every case must be in this file's table")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures to this file")
    parser.add_argument("--time", type=int, metavar="ROUNDS", help="measure time on the machine's GPU instead of counting")
    options = parser.parse_args()
    bench = options.build / "sclip_cuda_bench"
    simulator = options.build / "cudasim"
    for needed in (bench,) if options.time else (bench, simulator):
        if not needed.exists():
            sys.exit(f"{needed} is not there: build with CUDA first (cmake --preset release && cmake --build build)")
    devices = json.loads((ROOT / "benchmarks/cuda/devices.json").read_text())
    if options.time:
        # cuDNN at the same shapes, where the build has it.
        for program in (bench, options.build / "sclip_cudnn_bench"):
            if program.exists():
                time_cases(program, options.time, options.only, devices)
        return
    cases = [c for c in read_cases(bench) if options.only in c["name"]]
    rows = [sum_up(case, count(case, bench, simulator, options.device)) for case in cases]
    text = "\n\n".join(filter(None, [table(rows, devices), compare_fused(rows)]))
    print(text)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n")
    if options.markdown:
        page = options.markdown.read_text()
        begin, end = "<!-- counters begin -->", "<!-- counters end -->"
        before, rest = page.split(begin)
        options.markdown.write_text(before + begin + "\n" + text + "\n" + end + rest.split(end)[1])
    bad = [line for row in rows for line in violations(row)]
    if options.check_page:
        shown = re.findall(r"^\| ([a-z][\w-]+) \|", options.check_page.read_text().split("<!-- counters begin -->")[1], re.M)
        missing = [case["name"] for case in cases if case["name"] not in shown]
        if missing:
            bad.append(f"{options.check_page} lacks {', '.join(missing)}: run this with --markdown {options.check_page}")
    for line in bad:
        print(line, file=sys.stderr)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
