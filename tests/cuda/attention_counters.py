"""What attention may cost, in cudasim's counters: products, bank conflicts, bytes of DRAM.

python3 attention_counters.py CUDASIM PROGRAM     prints a table and fails when a figure is above its limit
"""

import json
import os
import subprocess
import sys
import tempfile

TOKENS, HEADS, HEAD_DIM = 197, 12, 64  # ViT-B/16 at 224 pixels
MMA = 16 * 8 * 16  # multiplications of one mma.m16n8k16


def counters(cudasim, program, kinds):
    with tempfile.TemporaryDirectory() as folder:
        report = os.path.join(folder, "report.json")
        shape = [str(TOKENS), str(HEADS), str(HEAD_DIM), "F16"]
        environment = dict(os.environ, SCLIP_TEST_DEVICE="cuda")
        subprocess.run([cudasim, "--report", report, program, *shape, *kinds], env=environment, check=True)
        kernels = [k for k in json.load(open(report))["kernels"] if "attention" in k["kernel"]]
    if not kernels:
        sys.exit("attention_counters: no attention kernel ran")
    return {name: sum(k[name] for k in kernels) for name in kernels[0] if isinstance(kernels[0][name], int)}


def main():
    cudasim, program = sys.argv[1:]
    padded = (TOKENS + 15) // 16 * 16  # rows and columns of tiles of 16
    unit = HEADS * padded * padded * HEAD_DIM / MMA
    exact_unit = HEADS * TOKENS * TOKENS * HEAD_DIM / MMA
    compulsory = 4 * TOKENS * HEADS * HEAD_DIM * 2  # q, k, v read and the output written once, in halves
    # Each row of the output is HEAD_DIM halves: whole sectors of 32 bytes.
    sectors_written = TOKENS * HEADS * HEAD_DIM * 2 // 32

    print(f"{TOKENS} tokens (tiles: {padded}), {HEADS} heads of {HEAD_DIM}, F16")
    print("scores    mma      of N²·d   padded  instructions  conflicts  DRAM bytes  of compulsory")
    failed = []
    rows = {}
    for name, kinds, products in (("csa", ["csa"], 3), ("qk", ["qk"], 2), ("qq + kk", ["qq", "kk"], 4)):
        c = rows[name] = counters(cudasim, program, kinds)
        launches = len(kinds)
        dram = c["unique_bytes"] / (compulsory if launches == 1 else 6 / 4 * compulsory)
        print(
            f"{name:9} {c['mma']:6}  {c['mma'] / exact_unit:8.3f} {c['mma'] / unit:8.3f} {c['warp_instructions']:13}"
            f" {c['bank_conflict_cycles']:10} {c['unique_bytes']:11} {dram:14.3f}"
        )
        limits = [
            ("products of N²·d", c["mma"] / exact_unit, 1.10 * products),
            ("bank-conflict cycles", c["bank_conflict_cycles"], 0),
            ("DRAM bytes over compulsory ones", dram, 1.05),
            ("sectors written", c["global_write_sectors"], sectors_written * launches),
        ]
        failed += [f"{name}: {what} {value}, allowed {limit}" for what, value, limit in limits if not value <= limit]
    fused, two = rows["csa"], rows["qq + kk"]
    print(
        f"fused against two attentions: {fused['mma'] / two['mma']:.3f} of the mma,"
        f" {fused['warp_instructions'] / two['warp_instructions']:.3f} of the instructions"
    )
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
