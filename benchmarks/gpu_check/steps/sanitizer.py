"""compute-sanitizer on the kernel tests, a kernel at a time, until the step's time is out."""
import re

from ..step import NotMeasured, Row

# Those whose tests are small first.
KERNELS = ("gelu", "layernorm", "gather_rows", "embed_tokens", "l2_normalize", "mean_norm", "feature_surgery", "patch_embed", "tree_attention", "overlay",
           "resize_normalize", "resize_bicubic", "procrustes", "pamr", "window_merge", "label_planes", "attention")
FOUND = 87  # the exit code that asks for attention


def _check(bench, tool):
    finished = 0
    for kernel in KERNELS:
        if bench.left < 1:
            break
        command = bench.tool("compute-sanitizer", "--tool", tool, "--error-exitcode", FOUND, bench.program("sclip_kernel_tests")[0],
                             f"[{kernel}]~[cpu]")
        done = bench.run(command, check=False)
        if done.timed_out:
            yield Row(f"{tool}, {kernel}", note="not measured: the step's time was out before its tests ended", timed=False)
            break
        if done.code not in (0, FOUND) and "ERROR SUMMARY" not in done.out + done.err and "SUMMARY" not in done.out:
            raise NotMeasured(f"compute-sanitizer does not run here: {done.complaint()}")
        finished += 1
        words = re.search(r"(?:ERROR|RACECHECK) SUMMARY: .*", done.out + done.err)
        yield Row(f"{tool}, {kernel}", note=words[0] if words else done.complaint(), command=bench.spell(command), timed=False,
                  wrong=done.code != 0)
    rest = KERNELS[finished:]
    if finished == 0:
        raise NotMeasured("no kernel's tests ended within the step's time")
    if rest:
        yield Row(f"{tool}, the rest", note=f"not measured: no time for {', '.join(rest)}", timed=False)


def memcheck(bench):
    yield from _check(bench, "memcheck")


def racecheck(bench):
    yield from _check(bench, "racecheck")
