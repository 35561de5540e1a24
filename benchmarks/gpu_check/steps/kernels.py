"""Each kernel at a size that fills a device: time, and the share of the roofline that the measured ceilings make."""
from ..step import Failed, NotMeasured, Row, json_lines

SIMULATED = ("layernorm-768", "quick-gelu", "gather-rows")
MMA_FLOPS = 4096  # of a product of 16×8×16


def floor_seconds(case, found):
    """What the call cannot be faster than on this card, and what holds it there; None without ceilings."""
    if "bandwidth" not in found:
        return None
    parts = {"memory": case["bytes"] / found["bandwidth"], "tensor cores": case["mma"] * MMA_FLOPS / found["flops"]}
    what = max(parts, key=parts.get)
    return parts[what], what


def _rows(bench, command):
    """A row for each line of JSON, those before a failure too."""
    done = bench.run(command, check=False)
    if done.code == 127 and not bench.simulated:
        raise NotMeasured(f"not all of its libraries are here: {done.complaint()}")
    for case in json_lines(done.out):
        seconds, floor = case.get("microseconds", 0.0) / 1e6, floor_seconds(case, bench.found)
        share = f"{floor[0] / seconds:.1%} of the roofline ({floor[1]}); " if floor and seconds else ""
        yield Row(case["name"], seconds * 1e6, "µs", f"{share}{case['shape']}", bench.spell(command))
    if done.code != 0:
        raise Failed(done.complaint())


def ours(bench):
    if not bench.simulated:
        yield from _rows(bench, bench.program("sclip_cuda_bench", "--time", 10))
        return
    for name in SIMULATED:
        yield from _rows(bench, bench.program("sclip_cuda_bench", "--case", name))


def cudnn(bench):
    yield from _rows(bench, bench.program("sclip_cudnn_bench", "--time", 10))


def products(bench):
    """All that can compute the tower's products at batch 64, and whether they are right."""
    for precision in ("f16", "bf16"):
        size = ("--rows", 256, "--width", 128, "--layer", "fc1", "--rounds", 1, "--algorithms", 1) if bench.simulated else ()
        command = bench.program("sclip_gemm_bench", "--precision", precision, *size)
        done = bench.run(command, check=False)
        for plan in json_lines(done.out):
            share = f", {plan['tflops'] * 1e12 / bench.found['flops']:.1%} of the best product" if "flops" in bench.found else ""
            right = plan["error"] is not None and plan["error"] <= 1  # of what is allowed; null: no number
            yield Row(f"{plan['layer']} {plan['rows']}×{plan['inputs']}→{plan['outputs']} {precision}, {plan['plan']}",
                      plan["microseconds"], "µs", f"{plan['tflops']:.0f} TFLOP/s{share}" if right else f"error {plan['error']} of the allowed",
                      bench.spell(command), wrong=not right)
        if done.code != 0:
            raise Failed(done.complaint())
