"""What the tests of the `sclip` command share: running it as a person would, and what every failure must look like."""
import json
import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCLIP = Path(os.environ.get("SCLIP_BIN", ROOT / "build/sclip"))
CHINA = ROOT / "tests/data/photos/china.jpg"
DEMO_MODEL = ROOT / "weights/demo/demo-clip.sclip"
CLASSES = "sky; building, house; tree; water"
# What makes a run quick when the text side is not the subject.
BARE = ("--templates", "none", "--no-cache")

pytestmark = pytest.mark.usefixtures("sclip")


@dataclass
class Run:
    code: int
    out: str
    err: str
    cpu_seconds: float


def run(*arguments, env=None, preexec_fn=None, cwd=None) -> Run:
    """Runs the command to its end, whatever that is."""
    environment = {k: v for k, v in os.environ.items() if k != "SCLIP_MODEL"} | (env or {})
    process = subprocess.Popen([str(SCLIP), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               env=environment, preexec_fn=preexec_fn, cwd=cwd)
    out, err = process.stdout.read(), process.stderr.read()  # both are short: no pipe fills up
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    process.stderr.close()
    return Run(process.returncode, out, err, usage.ru_utime + usage.ru_stime)


def succeed(*arguments, **options) -> Run:
    done = run(*arguments, **options)
    assert done.code == 0, f"exit code {done.code}: {done.err}"
    return done


def fail(*arguments, **options) -> str:
    """The command must refuse in one line that begins with `sclip: `, with exit code 2; returns the line."""
    done = run(*arguments, **options)
    assert done.code == 2, f"exit code {done.code}, not 2; stdout: {done.out}; stderr: {done.err}"
    lines = done.err.splitlines()
    assert len(lines) == 1 and done.err.endswith("\n"), f"not one line: {done.err!r}"
    assert lines[0].startswith("sclip: ")
    return lines[0]


def files_in(folder: Path) -> list[str]:
    """Names of all files below, temporary ones included."""
    return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*") if p.is_file())


def result(folder: Path, prefix: str = "") -> dict:
    return json.loads((Path(folder) / f"{prefix}result.json").read_text())


def split_blob(data: bytes) -> tuple[dict, bytes]:
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8:8 + length]), data[8 + length:]


def join_blob(header: dict, payload: bytes) -> bytes:
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(8 + len(text)) % 64)
    return struct.pack("<Q", len(text)) + text + payload
