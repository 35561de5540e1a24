"""What a step is, what it gives, and what it is given."""
import json
import os
import shlex
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Optional, Tuple

from .commands import run_command
from .machine import find_tool


class NotMeasured(Exception):
    """The step cannot tell, and says why; nothing is wrong with the backend."""


class Failed(Exception):
    """What the step checked does not hold, or its program failed."""


@dataclass(frozen=True)
class Row:
    """A line of the table. `value` is None where there is a `note` alone."""
    what: str
    value: Optional[float] = None
    unit: str = ""
    note: str = ""
    command: str = ""
    timed: bool = True  # a simulator's figure would say nothing
    wrong: bool = False  # what was checked does not hold


@dataclass(frozen=True)
class Step:
    name: str
    part: str
    run: Callable  # (Bench) → iterable of Row; raises NotMeasured or Failed
    limit: float  # seconds, of the whole step
    correctness: bool = False
    quick: bool = True  # in --quick, too
    needs: Tuple[str, ...] = ()  # tools
    device_only: str = ""  # why --simulate leaves it out


@dataclass
class Bench:
    """What steps share: programs, data, the folder for results, and what earlier steps found."""
    place: object
    out: Path
    env: dict
    simulated: bool = False
    full: bool = False
    ends: float = float("inf")  # of the running step, by time.monotonic()
    log: Path = None
    found: dict = field(default_factory=dict)
    model: Path = None  # what is measured: ViT-B/16, or else the demo model
    state: Path = None  # the same weights for PyTorch
    device: str = "sm_80"  # cudasim's

    @property
    def left(self):
        return self.ends - time.monotonic()

    def program(self, name, *arguments):
        """A command line of one of our programs, under cudasim where that is wanted."""
        path = self.place.program(name)
        if path is None:
            raise NotMeasured(f"{name} is not among the programs in {self.place.programs}")
        launcher = []
        if self.simulated:
            simulator = self.place.program("cudasim")
            if simulator is None:
                raise NotMeasured(f"cudasim is not among the programs in {self.place.programs}")
            launcher = [simulator, "--device", self.device]
        return [*launcher, path, *arguments]

    def tool(self, name, *arguments):
        path = find_tool(name)
        if path is None:
            raise NotMeasured(f"{name} is not installed")
        return [path, *arguments]

    def python(self, module, *arguments):
        return [sys.executable, "-m", module, *arguments]

    def run(self, command, check=True):
        """Runs it within the step's time; without `check` any ending is returned."""
        env = dict(self.env)
        if command[0] == sys.executable:  # what Python loads has libraries of its own
            env["LD_LIBRARY_PATH"] = os.environ.get("LD_LIBRARY_PATH", "")
        done = run_command(command, self.left, self.log, env, self.place.root)
        if check and done.code != 0:
            raise Failed(f"{Path(str(command[0])).name}: {done.complaint()}")
        return done

    def spell(self, command, **variables):
        """The command for a reader, without this machine's folders."""
        text = shlex.join([*(f"{k}={v}" for k, v in variables.items()), *map(str, command)])
        for folder, name in ((self.out, "OUT"), (self.place.programs, "bin"), (self.place.root, ".")):
            text = text.replace(f"{folder}{os.sep}", f"{name}/")
        return text.replace(sys.executable, "python3")


def json_lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
