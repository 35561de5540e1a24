"""Measures the interpreter and prints a Markdown table: warp instructions per second by class, with all checks and with
none, and the kernels that have limits. Times are processor time, so that other load on the machine changes them little.
usage: run.py CUDASIM INSTRUCTIONS ATTENTION LAYER_NORM [VIT]"""
import pathlib
import re
import subprocess
import sys


def run(cudasim, options, program, *arguments):
    process = subprocess.run([cudasim, *options, program, *arguments], capture_output=True, text=True)
    if process.returncode != 0:
        sys.exit(f"{program} ended with {process.returncode}:\n{process.stdout}{process.stderr}")
    return process.stdout


def rates(cudasim, program, checks):
    output = run(cudasim, ["--jobs", "1", "--checks", checks], program)
    return {name: float(rate) for name, rate in re.findall(r"^(.+): ([\d.e+]+) million warp instructions", output, re.M)}


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "an unknown processor"


def main():
    cudasim, instructions, attention, layer_norm, *vit = sys.argv[1:]
    checked, plain = (rates(cudasim, instructions, checks) for checks in ("all", "none"))
    print(f"On one core of {processor()}:\n")
    print("| Class | Million warp instructions per second, all checks | no checks |\n|---|---:|---:|")
    for name, rate in checked.items():
        print(f"| {name} | {rate:.1f} | {plain[name]:.1f} |")

    print("\n| Kernel | Processor time, all checks | no checks | Limit |\n|---|---:|---:|---:|")
    rows = [("fused attention, 197 tokens, 12 heads, d = 64", attention, "ms", "1", "150 ms"),
            ("layer norm, 197 x 768", layer_norm, "ms", "1", "30 ms")]
    for program in vit:
        rows.append(("ViT-B/16 forward with its GEMMs, two threads", program, "s", "2", "5 s on two cores, 10 s of processor time"))
    for name, program, unit, jobs, limit in rows:
        times = [re.search(rf"([\d.]+) {unit} of processor time", run(cudasim, ["--jobs", jobs, "--checks", checks], program)).group(1)
                 for checks in ("all", "none")]
        print(f"| {name} | {times[0]} {unit} | {times[1]} {unit} | {limit} |")


if __name__ == "__main__":
    main()
