"""Power that nvidia-smi reads while the encoder runs, and so energy a window."""
import subprocess
import threading
import time
from statistics import mean

from ..step import NotMeasured, Row, json_lines
from . import encoder

BATCH = 64
READ = ("power.draw.instant", "clocks.sm", "temperature.gpu")


class Meter:
    """Samples while it is entered: (time of arrival, watts, MHz, °C)."""

    def __init__(self, command):
        self.command, self.samples = command, []

    def __enter__(self):
        self.process = subprocess.Popen([str(part) for part in self.command], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        return self

    def _read(self):
        for line in self.process.stdout:
            try:
                self.samples.append((time.time(), *(float(value) for value in line.split(","))))
            except ValueError:
                continue  # [N/A]

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.reader.join(timeout=5)


def run(bench):
    meter = bench.tool("nvidia-smi", f"--query-gpu={','.join(READ)}", "--format=csv,noheader,nounits", "-i", 0, "-lms", 50)
    for precision in ("f16", "bf16"):
        command = encoder.command(bench, precision, encoder.SIZES[0], (BATCH,), "--rounds", 100000, "--seconds", 3,
                                  *encoder.strongest(bench, precision))
        with Meter(meter) as read:
            found, = json_lines(bench.run(command).out)
        # The first second lets the reading, an average over some time, settle.
        settled = found["began"] + min(1.0, (found["ended"] - found["began"]) / 2)
        samples = [sample for sample in read.samples if settled <= sample[0] <= found["ended"]]
        if not samples:
            raise NotMeasured("nvidia-smi tells no power draw")
        watts, clock, heat = (mean(sample[i] for sample in samples) for i in (1, 2, 3))
        rate = BATCH / found["median"]
        yield Row(f"{precision}, batch {BATCH}", watts / rate * 1e3, "mJ/window",
                  f"{watts:.0f} W at {rate:,.0f} windows/s, SM clock {clock:.0f} MHz, {heat:.0f} °C, {len(samples)} samples",
                  bench.spell(command))
