"""A command with a time limit, its output kept in a log."""
import os
import shlex
import signal
import subprocess
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Done:
    code: int  # of the process; None when it ran past its limit
    out: str
    err: str
    seconds: float

    @property
    def timed_out(self):
        return self.code is None

    def complaint(self):
        """One line that says what went wrong."""
        if self.timed_out:
            return f"ran past its limit of {self.seconds:.0f} s"
        lines = [line.strip() for line in (self.err + "\n" + self.out).splitlines() if line.strip()]
        words = next((line for line in lines if "rror" in line or "annot" in line), lines[-1] if lines else "no message")
        what = f"signal {-self.code}" if self.code < 0 else f"exit code {self.code}"
        return f"{what}: {words[:300]}"


def run_command(command, limit, log, env, cwd):
    command = [str(part) for part in command]
    began = time.monotonic()
    # A group of its own, so that what the command started ends with it.
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               errors="replace", env=env, cwd=cwd, start_new_session=True)
    try:
        out, err = process.communicate(timeout=max(limit, 0.1))
        code = process.returncode
    except subprocess.TimeoutExpired:
        _end(process)
        out, err = process.communicate()
        code = None
    except BaseException:
        _end(process)
        raise
    done = Done(code, out, err, time.monotonic() - began)
    with open(log, "a", encoding="utf-8") as file:
        ending = "past its limit" if done.timed_out else f"exit code {code}"
        file.write(f"$ {shlex.join(command)}\n{out}{err}[{ending}, {done.seconds:.2f} s]\n\n")
    return done


def _end(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
