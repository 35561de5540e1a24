"""What ptxas makes of the CUDA kernels, on every architecture: no spills, the registers and the occupancy that each file's
banner states, and the tensor-core and asynchronous instructions that the source asks for.

The build compiled the kernels: its machine code and its PTX are what is looked at. Machine code that the build leaves out
is made of the same two PTX texts that a build for every device has (cmake/sclip_cuda.cmake)."""

import concurrent.futures
import functools
import os
import re
import shutil
import site
import subprocess
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCLIP = Path(os.environ.get("SCLIP_BIN", ROOT / "build/sclip"))
ARCHIVE = SCLIP.parent / "kernels/libsclip_kernels_cuda.a"
FILES = sorted([*ROOT.glob("kernels/*/*_cuda.cu"), *ROOT.glob("kernels/*/*_hopper.cu")])
ARCHITECTURES = ("80", "86", "89", "90", "100", "100a", "120")
REGISTERS_PER_SM = 65536
MANY_KERNELS = 24  # of a file whose machine code takes minutes: attention has 49
FLAGS = ["-std=c++20", "-O3", "-DNDEBUG", f"-I{ROOT}", f"-I{ROOT}/include"]
# An instruction of PTX and the one of SASS that it becomes.
PAIRS = {"mma.sync": "HMMA", "ldmatrix": "LDSM", "cp.async.cg": "LDGSTS"}
HOPPER_PAIRS = {"wgmma.mma_async": "HGMMA", "cp.async.bulk.tensor.2d.shared": "UTMALDG",
                "cp.async.bulk.tensor.2d.global": "UTMASTG", "cp.reduce.async.bulk.tensor": "UTMAREDG"}


def is_hopper(source):
    """Has a PTX text of compute_90a, and no other."""
    return source.stem.endswith("_hopper")


def architectures(source):
    return ("90a",) if is_hopper(source) else ARCHITECTURES


def find_nvcc():
    found = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
    return found if os.path.exists(found) else None


NVCC = find_nvcc()
pytestmark = pytest.mark.skipif(NVCC is None, reason="no nvcc here: the machine code of the CUDA kernels was not checked")


@functools.cache
def tool(name):
    """From PyPI's package or the toolkit."""
    folders = [Path(p) / "nvidia/cu13/bin" for p in site.getsitepackages()] + [Path(NVCC).parent]
    for folder in folders:
        if (folder / name).exists():
            return folder / name
    pytest.fail(f"{name} is neither in the virtual environment nor beside nvcc")


def run(*command, cwd=None):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, cwd=cwd,
                          env={**os.environ, "PATH": f"{tool('nvdisasm').parent}:{os.environ['PATH']}"})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


class Built:
    """PTX and machine code of one source file: the build's, and what ptxas makes of it for other architectures."""

    def __init__(self, source, folder):
        self.source, self.folder = source, folder
        assert ARCHIVE.exists(), f"{ARCHIVE} does not exist: build with CUDA first (make build)"
        compiled = folder / "compiled.o"
        with compiled.open("wb") as out:
            subprocess.run(["ar", "p", ARCHIVE, f"{source.name}.o"], check=True, stdout=out)
        run(tool("cuobjdump"), "-xptx", "all", "-xelf", "all", compiled, cwd=folder)
        found = list(folder.glob("*.ptx"))
        assert len(found) == 1, f"{source.name} was built with {len(found)} PTX texts, not with one"
        self._ptx = found[0]
        self._blackwell_ptx = folder / f"{source.stem}.blackwell.ptx"
        self._blackwell_once = threading.Lock()

    def ptx(self, architecture):
        """The path of the PTX that the architecture's machine code comes from."""
        if int(architecture.rstrip("a")) < 100:
            return self._ptx
        with self._blackwell_once:
            if not self._blackwell_ptx.exists():
                run(NVCC, *FLAGS, "-arch=compute_100", "-ptx", self.source, "-o", self._blackwell_ptx)
        return self._blackwell_ptx

    def machine_code(self, architecture):
        """The path of a cubin."""
        built = list(self.folder.glob(f"*.sm_{architecture}.cubin"))
        if built:
            return built[0]
        path = self.folder / f"{self.source.stem}.sm_{architecture}.cubin"
        run(Path(NVCC).parent / "ptxas", f"-arch=sm_{architecture}", self.ptx(architecture), "-o", path)
        return path

    def registers(self, architecture):
        """{kernel: registers}; fails on a stack frame, which spills need, and on local memory."""
        text = run(tool("cuobjdump"), "-res-usage", self.machine_code(architecture))
        kernels = {}
        for name, registers, stack, local in re.findall(
                r"Function (\w+):\n\s+REG:(\d+) STACK:(\d+) SHARED:\d+ LOCAL:(\d+)", text):
            assert (stack, local) == ("0", "0"), f"sm_{architecture}: {name}: a stack of {stack} bytes, {local} of local memory"
            kernels[name] = int(registers)
        expected = len(re.findall(r"\.entry ", self._ptx.read_text()))
        assert len(kernels) == expected > 0, f"{self.source.name} on sm_{architecture}: {len(kernels)} kernels, {expected} in the PTX"
        return kernels


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Built of a source, made once."""
    return functools.cache(lambda source: Built(source, tmp_path_factory.mktemp(source.stem)))


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


@pytest.mark.parametrize("source", FILES, ids=lambda f: f.stem)
def test_no_spills_and_the_banner_is_true(source, built):
    text = banner(source)
    for part in ("Tiling", "Shared", "Occupancy", "Limit"):
        assert part in text, f"the banner of {source.name} does not say {part}"
    claims = re.findall(r"(\d+) threads, at most (\d+) registers[^.:]*: (\d+) blocks?", text)
    assert claims, f"the banner of {source.name} does not state '… threads, at most … registers: … blocks'"
    for threads, registers, blocks in claims:
        assert blocks_per_sm(int(threads), int(registers)) == int(blocks), f"{source.name}: {threads} threads of {registers} registers"
    code = built(source)
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for architecture, kernels in zip(architectures(source), pool.map(code.registers, architectures(source))):
            most = max(kernels.values())
            allowed = max(int(registers) for _, registers, _ in claims)
            assert most <= allowed, f"{source.name}: {most} registers on sm_{architecture}, the banner says {allowed}"


def other_assemblers():
    """{version: ptxas} of PyPI's packages: the oldest CUDA that can assemble these kernels' PTX, and the newest."""
    found = {}
    for folder in site.getsitepackages():
        for path in (Path(folder) / "nvidia/cuda_nvcc/bin/ptxas", Path(folder) / "nvidia/cu13/bin/ptxas"):
            if path.exists():
                text = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
                found[re.search(r"release (\d+\.\d+)", text)[1]] = path
    return found


def test_there_are_assemblers_before_and_after_the_builds():
    versions = sorted(tuple(map(int, version.split("."))) for version in other_assemblers())
    assert versions and versions[0] <= (12, 9) and versions[-1] > (13, 0), versions


@pytest.mark.parametrize("source", FILES, ids=lambda f: f.stem)
def test_other_assemblers_make_the_same_of_it(source, built, tmp_path):
    claims = re.findall(r"(\d+) threads, at most (\d+) registers", banner(source))
    allowed = max(int(registers) for _, registers in claims)
    text = built(source).ptx(architectures(source)[0]).read_text()
    kernels = re.findall(r"\.entry (\w+)", text)
    if is_hopper(source):
        shares = [("90a", kernels)]
    elif len(kernels) <= MANY_KERNELS:
        shares = [("80", kernels), ("90", kernels)]
    else:  # each kernel for one of them
        shares = [("80", kernels[::2]), ("90", kernels[1::2])]

    def assemble(job):
        (version, ptxas), (architecture, chosen) = job
        ptx = tmp_path / f"{version}.{architecture}.ptx"
        # A CUDA before 13 knows the instructions, but not the number of the language's version.
        ptx.write_text(text if version.startswith("13.") else re.sub(r"^\.version \S+", ".version 8.8", text, flags=re.M))
        entries = [f"--entry={kernel}" for kernel in chosen]
        said = run(ptxas, "-v", f"-arch=sm_{architecture}", *entries, ptx, "-o", tmp_path / f"{version}.{architecture}.cubin")
        frames = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", said)
        assert frames and set(frames) == {("0", "0", "0")}, f"ptxas {version}, sm_{architecture}: {set(frames)}"
        used = [int(registers) for registers in re.findall(r"Used (\d+) registers", said)]
        assert len(used) == len(chosen), f"ptxas {version}, sm_{architecture}: {len(used)} kernels of {len(chosen)}"
        most = max(used)
        assert most <= allowed, f"ptxas {version}, sm_{architecture}: {most} registers, the banner says {allowed}"

    jobs = [(one, share) for one in other_assemblers().items() for share in shares]
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        list(pool.map(assemble, jobs))
    assert len(other_assemblers()) == 2


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


@pytest.mark.parametrize("source", [f for f in FILES if is_hopper(f) or re.search(r"\bmma<|copy_async_16", f.read_text() + "".join(h.read_text() for h in f.parent.glob("*.cuh")))], ids=lambda f: f.stem)
def test_machine_code_has_the_instructions_of_the_ptx(source, built):
    pairs = HOPPER_PAIRS if is_hopper(source) else PAIRS
    architecture = architectures(source)[0]
    ptx = count_by_function(built(source).ptx(architecture).read_text(), r"\.entry (\w+)", pairs.keys())
    sass = count_by_function(run(tool("cuobjdump"), "-sass", built(source).machine_code(architecture)), r"Function : (\w+)", pairs.values())
    assert ptx.keys() == sass.keys()
    assert sum(c[next(iter(pairs))] for c in ptx.values()) > 0
    for kernel, counts in ptx.items():
        assert counts == {p: sass[kernel][s] for p, s in pairs.items()}, kernel
