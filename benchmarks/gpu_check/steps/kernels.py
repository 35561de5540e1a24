"""Each kernel at its shapes: time, and the share of the roofline that the measured ceilings make."""
import json

from ..step import Failed, NotMeasured, Row, json_lines

SIMULATED = ("layernorm-768", "quick-gelu", "gather-rows")
MMA_FLOPS = 4096  # of a product of 16×8×16


def _cases(bench, program):
    done = bench.run(bench.program(program, "--list"), check=False)
    if done.code == 127 and not bench.simulated:
        raise NotMeasured(f"{program} finds not all of its libraries: {done.complaint()}")
    if done.code != 0:
        raise Failed(f"{program}: {done.complaint()}")
    return [case for case in json.loads(done.out) if not bench.simulated or case["name"] in SIMULATED]


def floor_seconds(case, found):
    """What the call cannot be faster than on this card, and what holds it there; None without ceilings."""
    if "bandwidth" not in found:
        return None
    parts = {"memory": case["bytes"] / found["bandwidth"], "tensor cores": case["mma"] * MMA_FLOPS / found["flops"]}
    what = max(parts, key=parts.get)
    return parts[what], what


def _measure(bench, program):
    for case in _cases(bench, program):
        if bench.left < 1:
            yield Row(case["name"], note="not measured: the step's time was out", timed=False)
            continue
        rounds = () if bench.simulated and case["name"] != SIMULATED[0] else ("--time", 1 if bench.simulated else 10)
        command = bench.program(program, "--case", case["name"], *rounds)
        done = bench.run(command, check=False)
        lines = json_lines(done.out)
        if done.code != 0 or not lines:
            if bench.simulated:
                raise Failed(f"{case['name']}: {done.complaint()}")
            yield Row(case["name"], note=f"not measured: {done.complaint()}", command=bench.spell(command), timed=False)
            continue
        seconds, floor = lines[0].get("microseconds", 0.0) / 1e6, floor_seconds(case, bench.found)
        share = f"{floor[0] / seconds:.1%} of the roofline ({floor[1]}); " if floor and seconds else ""
        yield Row(case["name"], seconds * 1e6, "µs", f"{share}{case['shape']}", bench.spell(command))


def ours(bench):
    yield from _measure(bench, "sclip_cuda_bench")


def cudnn(bench):
    yield from _measure(bench, "sclip_cudnn_bench")
