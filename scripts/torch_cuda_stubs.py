#!/usr/bin/env python3
"""Stands in for NVIDIA libraries that PyTorch links and this machine lacks.

PyPI's Linux wheel of PyTorch needs more than 2 GB of CUDA wheels merely to be imported, although the
tests here only compute on the CPU. This script asks the dynamic loader (`ldd -r`) which libraries and
which symbols are missing, and compiles one small shared object per missing library, next to torch's own
libraries, where their run path finds it. Every function in it returns an error code, so that PyTorch
reports that no GPU is there. Libraries that are installed are left alone.

usage: torch_cuda_stubs.py VENV_PYTHON [--force]
Writes torch/lib/cuda_stubs.json, which lists what was made; does nothing when that is still right.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

NO_DEVICE = 100  # cudaErrorNoDevice; other libraries read it as a failure too
ROOTS = ["torch/lib/libtorch_global_deps.so", "torch/lib/libtorch_python.so", "torch/lib/libtorch_cuda.so",
         "torchvision/_C.so"]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def loader_view(roots, torch_lib):
    """(sonames not found, {(symbol, version or '')}) over all root libraries."""
    missing, undefined = set(), set()
    env = dict(os.environ)
    env["LD_LIBRARY_PATH"] = f"{torch_lib}:{env.get('LD_LIBRARY_PATH', '')}".rstrip(":")
    for root in roots:
        # torchvision has no run path to torch/lib: it relies on torch being imported first.
        with_torch = env if "torchvision" in str(root) else None
        out = subprocess.run(["ldd", "-r", str(root)], capture_output=True, text=True, env=with_torch, check=False)
        text = out.stdout + out.stderr
        missing |= set(re.findall(r"^\s*(\S+) => not found", text, re.M))
        for symbol, version in re.findall(r"(?:undefined symbol: |symbol )([^\s,]+)(?:, version (\S+))?", text):
            if re.match(r"_?Py[A-Z_]", symbol):
                continue  # the interpreter itself provides these
            undefined.add((symbol, version))
    return missing, undefined


def version_owner(torch_lib):
    """{symbol version: soname that must provide it}, from the version-needs sections of torch's libraries."""
    owner = {}
    for lib in sorted(torch_lib.glob("*.so")):
        soname = None
        for line in run("readelf", "-V", "-W", str(lib)).splitlines():
            if found := re.search(r"Version: \d+\s+File: (\S+)", line):
                soname = found[1]
            elif (found := re.search(r"Name: (\S+)\s+Flags", line)) and soname:
                owner.setdefault(found[1], soname)
    return owner


def source_of(symbols):
    lines = [f"long {s}(void) {{ return {NO_DEVICE}; }}" for s in symbols if not re.search(r"(String|Name)$", s)]
    lines += [f'const char *{s}(void) {{ return "stub: no such library here"; }}'
              for s in symbols if re.search(r"(String|Name)$", s)]
    return "\n".join(lines) + "\n"


def compile_stub(path, exported):
    """exported: {version or '': symbols}."""
    symbols = sorted({s for names in exported.values() for s in names})
    with tempfile.TemporaryDirectory() as work:
        source, script = Path(work, "stub.c"), Path(work, "stub.map")
        source.write_text(source_of(symbols))
        command = [os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O0", "-w", "-fno-builtin",
                   f"-Wl,-soname,{path.name}", "-o", f"{path}.new", str(source)]
        versions = {v: sorted(names) for v, names in exported.items() if v}
        if versions:
            script.write_text("".join(f"{v} {{ global: {' '.join(n + ';' for n in names)} }};\n"
                                      for v, names in versions.items()))
            command.append(f"-Wl,--version-script={script}")
        subprocess.run(command, check=True)
    os.replace(f"{path}.new", path)


def visible_nvidia_libraries():
    """What the loader's cache offers: when this changes, the stubs are made anew."""
    return sorted(set(re.findall(r"^\s*(lib(?:cu|nv|nccl)\S*\.so\.\d+) .* => (\S+)", run("ldconfig", "-p")
                                 or run("/sbin/ldconfig", "-p"), re.M)))


def main():
    python = sys.argv[1]
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))").strip())
    torch_lib = site / "torch/lib"
    roots = [site / r for r in ROOTS if (site / r).exists()]
    if not roots:
        sys.exit(f"no PyTorch is installed in {site}")
    record = torch_lib / "cuda_stubs.json"
    wanted = {"torch": (site / "torch/version.py").read_text(),
              "visible": [list(pair) + [os.path.exists(pair[1])] for pair in visible_nvidia_libraries()]}
    old = json.loads(record.read_text()) if record.exists() else {}
    if "--force" not in sys.argv and old.get("key") == wanted and \
            all((torch_lib / name).exists() for name in old.get("stubs", [])):
        return
    for name in old.get("stubs", []):
        (torch_lib / name).unlink(missing_ok=True)

    owner, contents = version_owner(torch_lib), {}
    for _ in range(8):  # to a fixed point: a library that is there but too old is replaced as well
        missing, undefined = loader_view(roots, torch_lib)
        if not missing and not undefined:
            break
        for soname in missing:
            contents.setdefault(soname, {})
        if not contents:
            names = ", ".join(sorted(s for s, _ in undefined)[:5])
            sys.exit(f"the loader misses symbols that no missing library explains: {names}")
        anywhere = sorted(contents)[0]  # unversioned symbols are looked up in every loaded library
        for symbol, version in undefined:
            home = owner.get(version, anywhere) if version else anywhere
            contents.setdefault(home, {}).setdefault(version, set()).add(symbol)
        for soname, exported in contents.items():
            compile_stub(torch_lib / soname, exported)
    else:
        sys.exit("stand-ins were made, and still the loader misses libraries or symbols")
    record.write_text(json.dumps({"key": wanted, "stubs": sorted(contents)}))
    if contents:
        count = sum(len(n) for e in contents.values() for n in e.values())
        print(f"stand-ins for {len(contents)} NVIDIA libraries ({count} symbols): {' '.join(sorted(contents))}")


if __name__ == "__main__":
    main()
