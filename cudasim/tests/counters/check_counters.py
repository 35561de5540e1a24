"""Runs a program of counters under cudasim and compares its report with what follows from the kernels' text.
usage: check_counters.py CUDASIM PROGRAM"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

SECTOR = 32
THREADS = 1024
WARPS = THREADS // 32


def coalesced(size):
    """Sectors of a warp whose lanes access `size` consecutive bytes each, from an aligned start."""
    return 32 * size // SECTOR


def traffic(reads=0, read_sectors=0, writes=0, write_sectors=0, unique=0, shared=0, conflicts=0, **others):
    return {"global_read_requests": reads, "global_read_sectors": read_sectors, "global_write_requests": writes,
            "global_write_sectors": write_sectors, "unique_bytes": unique, "shared_requests": shared,
            "bank_conflict_cycles": conflicts, "global_atomic_requests": 0, "global_atomic_sectors": 0, "mma": 0,
            "divergent_branches": 0, **others}


def grid_copy(read_sectors, unique_read, size=4, **others):
    """1024 threads that each read one value and write one of `size` bytes, coalesced."""
    return traffic(WARPS, WARPS * read_sectors, WARPS, WARPS * coalesced(size), unique_read + THREADS * size, **others)


def strided(n):  # floats that lie n apart: one sector per lane from 8 on
    sectors = min(32, coalesced(4) * n)
    return grid_copy(sectors, WARPS * sectors * SECTOR)


def transpose(conflicts_of_a_column):
    # 32 warps: each reads and writes a row of 128 bytes, stores one to shared memory and loads a column from it.
    return traffic(32, 32 * 4, 32, 32 * 4, 2 * 4096, 64, 32 * conflicts_of_a_column)


def shared_stride(ways):  # 33 conflict-free stores and one load in which `ways` words share a bank
    return traffic(0, 0, 1, 4, 128, 34, ways - 1)


def ldmatrix(row_bytes, ways):  # four phases of eight 16-byte rows
    return traffic(0, 0, 1, 4, 128, row_bytes // 4 + 1, 4 * (ways - 1))


EXPECTED = {
    "strided1": strided(1), "strided2": strided(2), "strided4": strided(4), "strided8": strided(8), "strided32": strided(32),
    # 128 bytes from byte 4 on lie in five sectors; all warps together touch one sector more than without the offset.
    "misaligned1": grid_copy(5, THREADS * 4 + SECTOR),
    "misaligned8": grid_copy(4, THREADS * 4),
    "broadcast": grid_copy(1, SECTOR),
    "copy_bytes": grid_copy(coalesced(1), THREADS, 1),
    "copy_float2": grid_copy(coalesced(8), THREADS * 8, 8),
    "copy_float4": grid_copy(coalesced(16), THREADS * 16, 16),
    # Ten floats are 40 bytes: two sectors.
    "partial10": traffic(WARPS, 2 * WARPS, WARPS, 2 * WARPS, 2 * WARPS * 2 * SECTOR, divergent_branches=WARPS),
    "reread": grid_copy(4, 1024),
    "transpose_naive": traffic(32, 32 * 4, 32, 32 * 32, 2 * 4096),
    "transpose0": transpose(31), "transpose1": transpose(0),
    "shared_stride0": shared_stride(1), "shared_stride1": shared_stride(1), "shared_stride2": shared_stride(2),
    "shared_stride4": shared_stride(4), "shared_stride8": shared_stride(8), "shared_stride32": shared_stride(32),
    "shared_stride33": shared_stride(1),
    # 16-byte loads are served eight lanes at a time. At a stride of 32 bytes, lanes i and i + 4 meet in a bank.
    "shared_float41": traffic(0, 0, 1, 16, 512, 3, 0), "shared_float42": traffic(0, 0, 1, 16, 512, 3, 4),
    "ldmatrix_plain": ldmatrix(128, 8), "ldmatrix_swizzled": ldmatrix(128, 1), "ldmatrix_padded": ldmatrix(144, 1),
    "async_copy": grid_copy(coalesced(16), THREADS * 16, 16, shared=2 * WARPS),
    "atomic_spread": traffic(unique=THREADS * 4, global_atomic_requests=WARPS, global_atomic_sectors=4 * WARPS),
    "atomic_single": None,  # the compiler may combine lanes: only its sectors are known
    "divergent": traffic(0, 0, WARPS, 4 * WARPS, THREADS * 4, divergent_branches=WARPS),
    "tensor": traffic(0, 0, 1, 4, 128, mma=10),
    # sm_80 has 164 KiB of shared memory per multiprocessor; a block takes its 40 KiB and 1 KiB for the system.
    "forty_kilobytes": traffic(0, 0, 8, 32, 1024, 16, 0, occupancy_blocks=4),
}

# On sm_90. One thread moves a box: one request, and the sectors of its rows, of which a row of 32 floats has four.
HOPPER = {
    "box_read": traffic(1, 8 * 4, unique=8 * 128, divergent_branches=1),
    "box_write": traffic(writes=1, write_sectors=4 * 4, unique=4 * 128, shared=8, divergent_branches=1),
    "box_add": traffic(unique=8 * 128, shared=8, global_atomic_requests=1, global_atomic_sectors=8 * 4,
                       divergent_branches=1),
    # Four warps of 16 × 8 × 16 an instruction; 16 + 2 stores fill the operands.
    "products": traffic(writes=4, write_sectors=4 * 4, unique=512, shared=4 * 18, mma=3 * 4),
}


def short_name(mangled):
    match = re.match(r"_Z(\d+)(.*)", mangled)
    length = int(match.group(1))
    argument = re.match(r"ILi(\d+)E", match.group(2)[length:])
    return match.group(2)[:length] + (argument.group(1) if argument else "")


def main():
    cudasim, program = sys.argv[1:]
    device, table = ("sm_90", HOPPER) if "hopper" in pathlib.Path(program).name else ("sm_80", EXPECTED)
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        code = subprocess.run([cudasim, "--report", report, "--device", device, program], timeout=300).returncode
        kernels = {short_name(k["kernel"]): k for k in json.loads(report.read_text())["kernels"]}
    failed = int(code != 0)
    if set(kernels) != set(table):
        print("FAIL: the program ran", sorted(set(kernels) ^ set(table)), "differently from the table")
        failed += 1
    for name, expected in table.items():
        kernel = kernels.get(name, {})
        if expected is None:
            expected = {"global_atomic_requests": kernel.get("global_atomic_sectors"), "global_write_sectors": 0, "unique_bytes": SECTOR}
        wrong = [f"{key} is {kernel.get(key)}, not {value}" for key, value in expected.items() if kernel.get(key) != value]
        print("FAIL" if wrong else "ok  ", name, "; ".join(wrong))
        failed += bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
