"""The driver's side of the line protocol: contestants are paused while another one runs."""
import ctypes
import json
import os
import queue
import signal
import statistics
import subprocess
import threading
import time


def _die_with_parent():
    """In the child, on Linux: a paused contestant must not outlive a driver that was killed."""
    parent_death_signal = 1  # PR_SET_PDEATHSIG
    ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGKILL)


class Contestant:
    """A child process. Timed from outside, the same way for all: from `run` written to the answer read."""

    def __init__(self, name: str, command: list[str], environment: dict, announces: bool = True, timeout: float = 900):
        self.name, self.seconds, self.cpu_seconds, self.timeout = name, [], [], timeout
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                                        env=environment, preexec_fn=_die_with_parent)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        # A program that does not announce itself is warmed up by a run that is not counted.
        self.facts = json.loads(self._next("ready ")) if announces else {}
        if not announces:
            self._ask()
        self.pause()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line.strip())
        self.lines.put(None)

    def _next(self, prefix: str = "") -> str:
        deadline = time.monotonic() + self.timeout
        while True:
            try:
                line = self.lines.get(timeout=max(deadline - time.monotonic(), 0.01))
            except queue.Empty:
                raise SystemExit(f"{self.name} did not answer within {self.timeout:.0f} s") from None
            if line is None:
                raise SystemExit(f"{self.name} ended early (exit code {self.process.wait()}): its own message is above")
            if line.startswith(prefix) and (prefix or line[:1].isdigit() or line[:1] == "{"):
                return line[len(prefix):]

    def _ask(self) -> str:
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        return self._next()

    def pause(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def resume(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def _cpu(self) -> float:
        """Processor time of all its threads so far, in seconds (of 10 ms resolution)."""
        fields = open(f"/proc/{self.process.pid}/stat").read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def run(self, counted: bool = True) -> str:
        self.resume()
        cpu, start = self._cpu(), time.perf_counter()
        answer = self._ask()
        elapsed = time.perf_counter() - start
        self.pause()
        if counted:
            self.seconds.append(elapsed)
            self.cpu_seconds.append(self._cpu() - cpu)
        return answer

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def stop(self):
        self.resume()
        try:
            self.process.stdin.write("quit\n")
            self.process.stdin.close()
            self.process.wait(timeout=10)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.process.kill()


def alternate(contestants: list[Contestant], rounds: int, progress) -> None:
    """Each round runs everyone once, beginning with another one each time; one uncounted round first."""
    for number in range(-1, rounds):
        turn = max(number, 0) % len(contestants)
        for contestant in contestants[turn:] + contestants[:turn]:
            contestant.run(counted=number >= 0)
        progress(number + 1, rounds)
