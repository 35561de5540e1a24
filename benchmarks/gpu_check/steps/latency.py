"""One photo through a session whose text bank is there: from pixels in host memory to labels."""
from ..step import Row, json_lines
from .correctness import CLASSES


def run(bench):
    photo = bench.place.small_photo if bench.simulated else bench.place.photo
    rounds = ("--rounds", 1) if bench.simulated else ("--rounds", 500, "--seconds", 2)
    for precision in ("f16", "bf16"):
        command = bench.program("sclip_photo_bench", "--photo", photo, "--model", bench.model, "--device", "cuda", "--precision",
                                precision, "--classes", CLASSES, "--warm", "--json", *rounds)
        found, = json_lines(bench.run(command).out)
        words = f"{found['windows']} windows, {found['rounds']} rounds"
        for name in ("median", "p99"):
            label = "p50" if name == "median" else name
            yield Row(f"one photo, {precision}, {label}", found[name] * 1e3, "ms", words, bench.spell(command))
