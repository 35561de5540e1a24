"""Starts the command that came with the package."""
from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    here = Path(__file__).parent
    command = here / "bin" / "sclip"
    os.environ.setdefault("SCLIP_MODEL", str(here / "models" / "demo-clip.sclip"))
    os.execv(command, [str(command), *sys.argv[1:]])
