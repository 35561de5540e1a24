"""What ptxas made of the CUDA kernels, on every architecture: no spills, the registers and the occupancy that each file's
banner states, and the tensor-core and asynchronous instructions that the source asks for."""

import concurrent.futures
import functools
import os
import pathlib
import re
import shutil
import site
import subprocess
import tempfile

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = sorted(ROOT.glob("kernels/*/*_cuda.cu"))
ARCHITECTURES = (80, 86, 89, 90, 100, 120)
REGISTERS_PER_SM = 65536
FOLDER = tempfile.TemporaryDirectory()  # of the machine code, as long as the tests run
FLAGS = ["-std=c++20", "-O3", f"-I{ROOT}"]
# An instruction of PTX and the one of SASS that it becomes.
PAIRS = {"mma.sync": "HMMA", "ldmatrix": "LDSM", "cp.async.cg": "LDGSTS"}


def find_nvcc():
    found = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
    return found if os.path.exists(found) else None


NVCC = find_nvcc()
pytestmark = pytest.mark.skipif(NVCC is None, reason="no nvcc here: the machine code of the CUDA kernels was not checked")


def tool(name):
    """From PyPI's package or the toolkit."""
    folders = [pathlib.Path(p) / "nvidia/cu13/bin" for p in site.getsitepackages()] + [pathlib.Path(NVCC).parent]
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    pytest.fail(f"{name} is neither in the virtual environment nor beside nvcc")


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True,
                          env={**os.environ, "PATH": f"{tool('nvdisasm').parent}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@functools.cache  # attention takes a minute an architecture
def cubin_of(architecture, source):
    """(machine code, what ptxas said of it)"""
    path = pathlib.Path(FOLDER.name) / f"{source.stem}_{architecture}.cubin"
    return path, run(NVCC, *FLAGS, f"-arch=sm_{architecture}", "--resource-usage", "-cubin", source, "-o", path)


def resources(architecture, source):
    """{kernel: registers}; fails on a stack frame or a spill."""
    _, text = cubin_of(architecture, source)
    kernels = {}
    for name, frame, registers in re.findall(
            r"Compiling entry function '(\w+)'.*?\n.*?\n\s+(\d+ bytes stack frame.*?)\n.*?Used (\d+) registers", text):
        assert frame == "0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads", f"sm_{architecture}: {name}: {frame}"
        kernels[name] = int(registers)
    assert kernels, f"ptxas said nothing of {source.name}:\n{text}"
    return kernels


def blocks_per_sm(threads, registers):
    """Resident blocks as far as registers allow: ptxas gives them out in units of 256 a warp."""
    per_warp = -(-registers * 32 // 256) * 256
    return min(64 * 32 // threads, REGISTERS_PER_SM // per_warp // (threads // 32))


def banner(source):
    lines = []
    for line in source.read_text().splitlines():
        if not line.startswith("//"):
            break
        lines.append(line.removeprefix("//").strip())
    return " ".join(lines)


@pytest.mark.parametrize("source", FILES, ids=lambda f: f.parent.name)
def test_no_spills_and_the_banner_is_true(source):
    text = banner(source)
    for part in ("Tiling", "Shared", "Occupancy", "Limit"):
        assert part in text, f"the banner of {source.name} does not say {part}"
    claims = re.findall(r"(\d+) threads, at most (\d+) registers[^.:]*: (\d+) blocks?", text)
    assert claims, f"the banner of {source.name} does not state '… threads, at most … registers: … blocks'"
    for threads, registers, blocks in claims:
        assert blocks_per_sm(int(threads), int(registers)) == int(blocks), f"{source.name}: {threads} threads of {registers} registers"
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for architecture, kernels in zip(ARCHITECTURES, pool.map(lambda a: resources(a, source), ARCHITECTURES)):
            most = max(kernels.values())
            allowed = max(int(registers) for _, registers, _ in claims)
            assert most <= allowed, f"{source.name}: {most} registers on sm_{architecture}, the banner says {allowed}"


def count_by_function(text, start, names):
    counts = {}
    current = None
    for line in text.splitlines():
        found = re.search(start, line)
        if found:
            current = counts.setdefault(found[1], dict.fromkeys(names, 0))
        elif current is not None:
            for name in names:
                if re.search(rf"\b{re.escape(name)}", line) and not line.lstrip().startswith("//"):
                    current[name] += 1
    return counts


@pytest.mark.parametrize("source", [f for f in FILES if re.search(r"\bmma<|copy_async_16", f.read_text() + "".join(h.read_text() for h in f.parent.glob("*.cuh")))], ids=lambda f: f.parent.name)
def test_machine_code_has_the_instructions_of_the_ptx(source, tmp_path):
    run(NVCC, *FLAGS, "-arch=compute_80", "-ptx", source, "-o", tmp_path / "k.ptx")
    ptx = count_by_function((tmp_path / "k.ptx").read_text(), r"\.entry (\w+)", PAIRS.keys())
    sass = count_by_function(run(tool("cuobjdump"), "-sass", cubin_of(80, source)[0]), r"Function : (\w+)", PAIRS.values())
    assert ptx.keys() == sass.keys()
    assert sum(c["mma.sync"] for c in ptx.values()) > 0
    for kernel, counts in ptx.items():
        assert counts == {p: sass[kernel][s] for p, s in PAIRS.items()}, kernel
