"""Presets that nothing else in the tests builds: what they ask for can at least be configured."""
import json
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILT_ELSEWHERE = {"release", "asan", "tsan", "fuzz", "deb", "tarball"}
PRESETS = {p["name"]: p for p in json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"]}


@pytest.mark.parametrize("name", sorted(set(PRESETS) - BUILT_ELSEWHERE))
def test_it_configures(name, tmp_path):
    nvcc = shutil.which("nvcc") or shutil.which("/usr/local/cuda/bin/nvcc")
    if PRESETS[name]["cacheVariables"].get("SCLIP_CUDA") == "ON" and nvcc is None:
        pytest.skip("CUDA's compiler is not installed")
    done = subprocess.run(["cmake", "--preset", name, "-B", tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "build.ninja").exists()
