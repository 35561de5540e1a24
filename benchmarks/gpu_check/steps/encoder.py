"""Windows a second of the image encoder, by batch, precision and size of the windows; recordings replayed as sessions do."""
import re
from dataclasses import replace

from ..step import Failed, NotMeasured, Row, json_lines

BATCHES = (1, 8, 16, 32, 64, 128, 256)
SIZES = (224, 336, 448)  # N = 197, 442, 785
TUNED = ("--tune",)


def command(bench, precision, size, batches, *more):
    return bench.program("sclip_encoder_bench", "--model", bench.model, "--device", "cuda", "--precision", precision, "--size", size,
                         "--windows", ",".join(map(str, batches)), "--batch", 1024, "--json", *more)


def strongest(bench, precision):
    """The options that were the faster ones."""
    return bench.found.get(("options", precision), ())


def measure(bench, precision, size, batches=BATCHES, seconds=0.4, options=()):
    """A row for each batch; its rate is kept for the steps that come later, with the better options."""
    if bench.simulated:
        size, batches, seconds = size // 7, batches[:2] if size == SIZES[0] else (1,), 0.1
    line = command(bench, precision, size, batches, "--rounds", 1 if bench.simulated else 400, "--seconds", seconds, *options)
    done = bench.run(line, check=False)
    for found in json_lines(done.out):
        rate = found["windows"] / found["median"]
        key = ("encoder", precision, size, found["windows"])
        bench.found[key] = max(rate, bench.found.get(key, 0.0))
        note = f"{found['median'] * 1e3:.3f} ms a forward, {found['rounds']} rounds{_other_model(bench)}"
        label = ", tuned" if options == TUNED else ""
        yield Row(f"{precision}, N={found['tokens']}, batch {found['windows']}{label}", rate, "windows/s", note, bench.spell(line))
    if done.code != 0:
        if precision == "fp8":
            refuse_where_there_is_no_fp8(done)
        raise Failed(f"sclip_encoder_bench: {done.complaint()}")


def _other_model(bench):
    return "" if bench.model != bench.place.demo_model else "; the demo model, not ViT-B/16"


def best(bench, precision, size=SIZES[0]):
    rates = [rate for key, rate in bench.found.items() if key[:3] == ("encoder", precision, size)]
    return max(rates, default=None)


def f16(bench):
    yield from measure(bench, "f16", SIZES[0])


def bf16(bench):
    yield from measure(bench, "bf16", SIZES[0])


def fp8(bench):
    yield from measure(on_hopper(bench), "fp8", SIZES[0])


def on_hopper(bench):
    """Of cudasim's devices the one that has fp8."""
    return replace(bench, device="sm_90")


def refuse_where_there_is_no_fp8(done):
    """A card without it is no fault of the backend."""
    reason = re.search(r"precision fp8 needs .*", done.err)
    if reason:
        raise NotMeasured(reason[0])


def tuned(bench):
    """cuBLASLt's candidates and our own products timed, the fastest taken."""
    for precision in ("f16", "bf16"):
        before = {key: rate for key, rate in bench.found.items() if key[:3] == ("encoder", precision, SIZES[0])}
        yield from measure(bench, precision, SIZES[0], (1,) if bench.simulated else (1, 16, 64, 256), 0.3, TUNED)
        gains = [bench.found[key] / rate for key, rate in before.items()]
        if gains and max(gains) > 1:
            bench.found[("options", precision)] = TUNED


def f32(bench):
    yield from measure(bench, "f32", SIZES[0], (1, 16, 64, 256))


def larger(bench):
    for size in SIZES[1:]:
        for precision in ("f16", "bf16"):
            yield from measure(bench, precision, size, BATCHES, 0.3, strongest(bench, precision))
    for size in SIZES[1:]:
        yield from measure(bench, "f32", size, (16, 64), 0.2)
