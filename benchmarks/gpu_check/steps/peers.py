"""PyTorch on the same weights and card. What it runs stands in COMMANDS alone; sclip is measured before it and after."""
from statistics import mean

from ..step import Failed, NotMeasured, Row, json_lines
from . import encoder

MODULE = "benchmarks.contestants.torch_gpu"
# Step → the module's arguments, in turn; {batches} are the encoder's.
UNCOMPILED = [("encoder", "--mode", mode, "--precision", precision, "--batch", *batches)
              for precision in ("f16", "bf16")
              for mode, batches in (("eager", ("1", "16", "64", "256")), ("graph", ("1", "16", "64", "256")))]
COMPILED = [("encoder", "--mode", mode, "--precision", precision, "--batch", *batches)
            for mode, precision, batches in (("reduce-overhead", "f16", ("1", "64")), ("max-autotune", "f16", ("64",)),
                                             ("reduce-overhead", "bf16", ("64",)), ("default", "f16", ("64",)))]
ATTENTION = [("attention", "--precision", precision) for precision in ("f16", "bf16")]


def _lines(bench, arguments):
    command = bench.python(MODULE, *arguments)
    done = bench.run(command, check=False)
    lines = json_lines(done.out)
    if done.code != 0 and not lines:
        raise NotMeasured(f"{' '.join(arguments[:5])}: {done.complaint()}")
    return lines, bench.spell(command), "" if done.code == 0 else done.complaint()


def _encoders(bench, runs):
    if bench.state is None or bench.state.suffix != ".pt":
        raise NotMeasured("there are no weights that PyTorch could read: the step `weights` made none")
    after, complaints = set(), []
    for arguments in runs:
        if bench.left < 5:
            complaints.append(f"no time for {' '.join(arguments[:5])}")
            continue
        try:
            lines, command, complaint = _lines(bench, (*arguments, "--weights", str(bench.state)))
        except NotMeasured as reason:
            complaints.append(str(reason))
            continue
        complaints += [complaint] if complaint else []
        precision = lines[0]["precision"]
        if precision not in after:
            after.add(precision)
            before = {key: bench.found.pop(key) for key in list(bench.found)
                      if key[:3] == ("encoder", precision, encoder.SIZES[0])}
            list(encoder.measure(bench, precision, encoder.SIZES[0], seconds=0.2, options=encoder.strongest(bench, precision)))
            bench.found.update({key: mean((rate, bench.found.get(key, rate))) for key, rate in before.items()})
        for line in lines:
            ours = bench.found.get(("encoder", precision, encoder.SIZES[0], line["batch"]))
            ratio = f"sclip is {ours / line['windows_per_second']:.2f}× as fast; " if ours else ""
            yield Row(f"{precision}, N=197, batch {line['batch']}, PyTorch {line['mode']}", line["windows_per_second"], "windows/s",
                      f"{ratio}{line['milliseconds']:.3f} ms a forward", command)
    for complaint in complaints:
        yield Row("PyTorch", note=f"not measured: {complaint}", timed=False)


def uncompiled(bench):
    yield from _encoders(bench, UNCOMPILED)


def compiled(bench):
    yield from _encoders(bench, COMPILED)


def attention(bench):
    for arguments in ATTENTION:
        lines, command, complaint = _lines(bench, arguments)
        for line in lines:
            what = f"{line['engine']} {line['scores']}, {line['batch']}×{line['tokens']}×12×64 {line['precision']}"
            yield Row(what, line.get("microseconds"), "µs", f"not measured: {line['refused']}" if "refused" in line else "", command)
        if complaint:
            raise Failed(complaint)
