"""The shared library from outside: what it exports, what an installation holds, and the documentation's programs, run as printed."""
import re
import shutil
import subprocess

import numpy as np
import pytest
from cli_support import ROOT, SCLIP, succeed
from PIL import Image

LIBRARY = SCLIP.parent / "libsclip.so"
DEMO = ROOT / "weights/demo/demo-clip.sclip"
CHINA = ROOT / "tests/data/photos/china.jpg"


def run(*command, **kwargs):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **kwargs)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    prefix = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", SCLIP.parent, "--prefix", prefix)
    return prefix


def test_exports():
    header = (ROOT / "include/sclip/sclip.h").read_text()
    declared = set(re.findall(r"SCLIP_API [^;]*?\b(sclip_\w+)\(", header))
    listed = set(re.findall(r"^ +(sclip_\w+);", (ROOT / "api/exports.map").read_text(), re.M))
    symbols = [line.split() for line in run("nm", "-D", "--defined-only", LIBRARY).splitlines()]
    exported = {name.split("@")[0] for _, kind, name in symbols if kind != "A"}
    assert len(declared) > 40
    assert declared == listed == exported


def test_an_installation_holds_what_programs_need_and_no_more(installed):
    files = {str(p.relative_to(installed)) for p in installed.rglob("*") if not p.is_dir()}
    headers = {f for f in files if f.startswith("include/")}
    assert headers == {"include/sclip/sclip.h", "include/sclip/sclip.hpp"}
    assert any(f.endswith("libsclip.so.0") for f in files) and any(f.endswith("sclip-config.cmake") for f in files)
    assert str(ROOT) not in "".join(p.read_text() for p in installed.rglob("*.cmake")) + next(installed.rglob("sclip.pc")).read_text()


def programs():
    """(language, source) of each program in the documentation, in order."""
    return re.findall(r"^```(c|cpp)\n(.*?)^```", (ROOT / "docs/library.md").read_text(), re.M | re.S)


def pixels_of(text):
    return [int(n) for n in re.findall(r"\d+", text)]


def expected(words, folder):
    succeed("segment", CHINA, "-c", words, "-o", folder, "--outputs", "mask,json")
    mask = np.asarray(Image.open(folder / "mask.png"))
    return [int((mask == c).sum()) for c in range(3)]


def test_the_documentations_programs_through_pkg_config(installed, tmp_path):
    package = next(installed.rglob("sclip.pc")).parent
    flags = run("pkg-config", "--cflags", "--libs", "sclip", env={"PKG_CONFIG_PATH": str(package), "PATH": "/usr/bin:/bin"}).split()
    outputs = []
    for i, (language, source) in enumerate(programs()):
        file, program = tmp_path / f"example-{i}.{language}", tmp_path / f"example-{i}"
        file.write_text(source)
        compiler = ["gcc", "-std=c99", "-pedantic"] if language == "c" else ["g++", "-std=c++20"]
        run(*compiler, "-Wall", "-Wextra", "-Werror", file, "-o", program, *flags, f"-Wl,-rpath,{package.parent}")
        outputs.append(run(program, DEMO, CHINA))
    assert len(outputs) == 3
    first = expected("sky; building, house; tree", tmp_path / "a")
    assert pixels_of(outputs[0]) == pixels_of(outputs[1]) == first
    assert pixels_of(outputs[2]) == expected("sky; building; tree", tmp_path / "b") + expected("water; sky; person", tmp_path / "c")


def test_a_project_that_finds_the_package(installed, tmp_path):
    language, source = programs()[1]
    assert language == "cpp"
    (tmp_path / "main.cpp").write_text(source)
    (tmp_path / "main.c").write_text(programs()[0][1])
    (tmp_path / "CMakeLists.txt").write_text("""cmake_minimum_required(VERSION 3.20)
project(consumer C CXX)
find_package(sclip 0.1 REQUIRED)
add_executable(consumer main.cpp)
target_compile_features(consumer PRIVATE cxx_std_20)
target_link_libraries(consumer PRIVATE sclip::sclip)
add_executable(consumer_c main.c)
target_link_libraries(consumer_c PRIVATE sclip::sclip)
""")
    moved = tmp_path / "moved"  # an installation is not bound to its place
    shutil.copytree(installed, moved, symlinks=True)
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={moved}")
    run("cmake", "--build", tmp_path / "build")
    assert run(tmp_path / "build/consumer", DEMO, CHINA) == run(tmp_path / "build/consumer_c", DEMO, CHINA)
    refused = subprocess.run([tmp_path / "build/consumer", "/no/such/model", CHINA], capture_output=True, text=True, check=False)
    assert refused.returncode == 1 and "/no/such/model" in refused.stderr
