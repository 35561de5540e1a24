"""Every faulty program must be reported with the right kind and source line and end with exit code 86; its corrected
twin must end with 0 and no finding. usage: run_faults.py CUDASIM PROGRAM_DIR [PROGRAM[.CASE] ...]"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

# program: case: kind. A case whose source has no "expect:" comment is a finding outside of kernels, without a line.
CASES = {
    "bounds": {c: "out-of-bounds" for c in (
        "high", "low", "stride", "between", "vector_tail", "atomic", "null", "shared_static", "shared_dynamic", "copy")},
    "lifetime": {
        "use_after_free": "use-after-free", "use_after_free_async": "use-after-free", "copy_after_free": "use-after-free",
        "double_free": "invalid-free", "inner_free": "invalid-free", "leak": "leak", "leak_pinned": "leak"},
    "alignment": {c: "misaligned" for c in ("load4", "store2", "shared4", "copy16")},
    "unwritten": {c: "uninitialised-shared" for c in (
        "stored", "dynamic", "branch", "address", "read_ahead", "shuffled", "copied", "atomic", "bytes")},
    "races": {c: "shared-race" for c in (
        "write_read", "read_write", "write_write", "refill", "named", "atomic_plain",
        "lanes_write_read", "lanes_read_write", "lanes_write_write", "reduction")},
    "barriers": {
        "branch": "barrier-divergence", "two_sides": "barrier-divergence", "early_return": "barrier-divergence",
        "warp_returns": "barrier-divergence", "rounds": "barrier-divergence", "count": "deadlock",
        "shuffle_half": "warp-sync-divergence", "shuffle_mask": "warp-sync-divergence", "ballot": "warp-sync-divergence"},
    "async_copy": {
        "no_wait": "async-not-waited", "off_by_one": "async-not-waited", "no_commit": "async-not-waited",
        "overwritten": "async-not-waited", "no_barrier": "shared-race", "refill": "shared-race"},
    "tensor_copies": {
        "no_wait": "async-not-waited", "few_bytes": "async-not-waited",
        "many_bytes": "deadlock", "no_init_fence": "missing-fence", "refill": "shared-race", "shared_place": "misaligned",
        "shared_end": "out-of-bounds", "outside": "out-of-bounds", "no_map": "tensor-map", "no_proxy_fence": "missing-fence",
        "early_fence": "missing-fence", "no_barrier": "shared-race", "unwritten": "uninitialised-shared",
        "overwritten": "async-not-waited", "no_commit": "async-not-waited"},
    "warpgroups": {
        "no_wait": "async-not-waited", "no_commit": "async-not-waited", "no_fence": "missing-fence",
        "old_fence": "missing-fence", "no_proxy_fence": "missing-fence", "overwritten": "async-not-waited",
        "rows_apart": "misaligned", "three_warps": "warp-sync-divergence", "two_descriptors": "warp-sync-divergence",
        "registers": "deadlock", "registers_wrong_way": "launch-limit"},
    "launches": {
        "threads": "launch-limit", "block_z": "launch-limit", "empty_grid": "launch-limit", "launch_bounds": "launch-limit",
        "registers": "launch-limit",
        "opt_in": "launch-limit", "too_much_shared": "launch-limit", "assertion": "device-assert", "trap": "trap",
        "host_memory": "host-access", "host_reads_device": "host-access", "wrong_direction": "host-access"},
}

# Programs of Hopper's instructions, and those whose copies may end early or late.
HOPPER = ("tensor_copies", "warpgroups")
EARLY = ("async_copy", *HOPPER)


def expected_lines(program):
    """Line numbers by case. A race has two lines; which one runs second depends on the order of the warps."""
    lines = {}
    source = (HERE / f"{program}.cu").read_text().splitlines()
    for number, text in enumerate(source, 1):
        if match := re.search(r"// expect: (.+)$", text):
            first = number  # a statement of several lines has the comment at its end
            while first > 1 and source[first - 2].strip() and not re.search(r"([;{}>]|//.*)$", source[first - 2]):
                first -= 1
            for case in match.group(1).split(","):
                lines.setdefault(case.strip(), set()).update(range(first, number + 1))
    return lines


def run(cudasim, binary, case, version, options):
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.json"
        process = subprocess.run([cudasim, "--report", report, *options, binary, case, version], capture_output=True, text=True, timeout=60)
        findings = json.loads(report.read_text())["findings"] if report.exists() else None
    return process.returncode, findings, process.stderr


def problems(cudasim, folder, program, case, kind, lines, options):
    binary = pathlib.Path(folder) / f"fault_{program}"
    code, findings, errors = run(cudasim, binary, case, "bad", options)
    if code != 86:
        yield f"the faulty version ended with {code} instead of 86:\n{errors}"
    if findings is None:
        yield "the faulty version wrote no report"
        return
    if not findings:
        yield "the fault was not found"
    for f in findings:
        if f["check"] != kind:
            yield f"found {f['check']} instead of {kind}: {f['text']} ({f['source']})"
    sources = [f["source"] for f in findings if f["check"] == kind]
    found = {int(n) for s in sources for n in re.findall(rf"\b{program}\.cu:(\d+)\b", s)}
    if lines and not found & lines:
        yield f"the fault in line {sorted(lines)} was reported for {sources}"
    if lines and any(not f["kernel"] or not f["ptx_line"] for f in findings):
        yield "a finding names no kernel or PTX line"
    code, findings, errors = run(cudasim, binary, case, "good", options)
    if code != 0 or findings:
        yield f"false alarm: the corrected version ended with {code}:\n{errors}"


def main():
    cudasim, folder, *wanted = sys.argv[1:]
    failed = count = 0
    for program, cases in CASES.items():
        lines = expected_lines(program)
        unknown = set(lines) - set(cases)
        if unknown:
            print(f"FAIL {program}: the table lacks {sorted(unknown)}")
            failed += 1
        for case, kind in cases.items():
            if wanted and program not in wanted and f"{program}.{case}" not in wanted:
                continue
            count += 1
            runs = [[], ["--seed", "7"]]
            if program in EARLY:
                runs.append(["--early-copies"])
            if program in HOPPER:
                runs = [["--device", "sm_90", *options] for options in runs]
            found = [p for options in runs for p in problems(cudasim, folder, program, case, kind, lines.get(case), options)]
            print("FAIL" if found else "ok  ", f"{program}.{case}: {kind}")
            for p in found:
                print("    " + p.replace("\n", "\n    "))
            failed += bool(found)
    print(f"{count} faults, {failed} failed")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
