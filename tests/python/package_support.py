"""The Python package, installed as people do, for the tests that use it."""
import os
import subprocess
import sys
import venv
from pathlib import Path

from cli_support import ROOT


def run(*command, **kwargs):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **kwargs)
    assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}{done.stderr[-6000:]}"
    return done.stdout


def install(folder: Path) -> Path:
    """A new environment with the package and NumPy, and nothing else."""
    venv.create(folder, with_pip=True)
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "SCLIP_MODEL")}
    # As the Makefile does: the compiler's cache, where there is one, which knows a compiler by its name.
    ccache = subprocess.run(["which", "ccache"], capture_output=True, text=True, check=False).stdout.strip()
    clean |= {"CC": "cc", "CXX": "c++"}
    clean |= {"CMAKE_CXX_COMPILER_LAUNCHER": ccache, "CMAKE_CUDA_COMPILER_LAUNCHER": ccache} if ccache else {}
    run(folder / "bin/pip", "install", "--disable-pip-version-check", ".", cwd=ROOT, env=clean)
    return folder


def environment(site: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(site), "MPLBACKEND": "agg"}


def in_site(site, *command, **kwargs):
    return run(sys.executable, *command, **{"env": environment(site), **kwargs})
