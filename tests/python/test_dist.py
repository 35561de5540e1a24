"""What `make dist` packs, as someone has it who builds nothing: the tarball beside glibc alone, and the Debian package."""
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from cli_support import CHINA, CLASSES, ROOT, succeed
from PIL import Image
from test_library import programs, run

GLIBC = {"ld-linux-x86-64.so.2", "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1"}
# Whose licences ask more of the whole than a source and a notice; by what the packages' copyright files say.
NOT_HANDED_ON = ("libx265", "libheif", "libde265")
CHROOT = shutil.which("chroot") or "/usr/sbin/chroot"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="did not run: chroot and dpkg --root need root")


@pytest.fixture(scope="module")
def dist():
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SCLIP_", "LD_", "MAKE"))}
    run("make", "-s", "dist", cwd=ROOT, env=clean)
    return ROOT / "out/dist"


@pytest.fixture(scope="module")
def unpacked(dist, tmp_path_factory):
    """The tarball's one folder, moved to where nobody expects it."""
    folder = tmp_path_factory.mktemp("unpacked")
    [tarball] = dist.glob("*.tar.gz")
    run("tar", "-xf", tarball, "-C", folder)
    [top] = folder.iterdir()
    assert top.name == tarball.name.removesuffix(".tar.gz")
    return top.rename(folder / "somewhere else")


@pytest.fixture(scope="module")
def package(dist):
    [deb] = dist.glob("*.deb")
    return deb


@pytest.fixture(scope="module")
def mask(tmp_path_factory):
    """What the build's own command makes of the bundled photograph."""
    folder = tmp_path_factory.mktemp("mask")
    succeed("segment", CHINA, "-c", CLASSES, "-o", folder)
    return np.asarray(Image.open(folder / "mask.png"))


def elf_files(folder):
    return [p for p in folder.rglob("*") if p.is_file() and not p.is_symlink() and p.open("rb").read(4) == b"\x7fELF"]


def dynamic(file, tag):
    return re.findall(rf"\({tag}\).*\[(.*)\]", run("readelf", "-d", file))


def root_of_glibc(folder):
    """A root with the files of glibc and no others."""
    for library in GLIBC:
        target = folder / ("lib64" if library.startswith("ld-") else "lib/x86_64-linux-gnu") / library
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(f"/{target.relative_to(folder)}", target)
    (folder / "tmp").mkdir()
    return folder


def test_every_library_is_the_tarballs_or_glibcs(unpacked):
    files = elf_files(unpacked)
    bundled = {p.name for p in (unpacked / "lib/sclip").iterdir()}
    assert len(files) == len(bundled) + 2  # the command and libsclip
    assert not [name for name in bundled if name.startswith(NOT_HANDED_ON)]
    needed = set()
    for file in files:
        assert not dynamic(file, "RUNPATH"), f"{file.name}: a RUNPATH takes away what its user's RPATH says"
        assert not set(dynamic(file, "NEEDED")) - bundled - GLIBC, file.name
        needed |= set(dynamic(file, "NEEDED"))
    assert bundled <= needed
    for file, folder in ((unpacked / "bin/sclip", "$ORIGIN/../lib/sclip"), (unpacked / "lib/libsclip.so.0", "$ORIGIN/sclip")):
        [path] = dynamic(file, "RPATH")
        assert folder in path.split(":") and all(p.startswith("$ORIGIN") for p in path.split(":"))


def test_no_file_asks_for_a_newer_glibc(unpacked):
    asked = {}
    for file in elf_files(unpacked):
        for version in re.findall(r"Name: GLIBC_([\d.]+)", run("readelf", "-V", "--wide", file)):
            asked[tuple(int(n) for n in version.split("."))] = file.name
    newest = max(asked)
    assert (2, 17) < newest <= (2, 36), f"{asked[newest]} asks for glibc {newest}"


def test_every_bundled_library_has_its_licence(unpacked):
    licences = unpacked / "share/doc/sclip/licences"
    rows = dict(re.findall(r"^(lib\S+|headers): (\S+) .*", (licences / "README").read_text(), re.M))
    ours = {"libjbig.so.0"}
    assert {p.name for p in (unpacked / "lib/sclip").iterdir()} - ours == set(rows) - {"headers"}
    packages = re.findall(r"^(?:lib\S+|headers): ([^\s:]+)", (licences / "README").read_text(), re.M)
    for name in packages:
        assert "opyright" in (licences / f"{name}.txt").read_text(errors="replace"), name
    assert "non-commercial" in (unpacked / "share/doc/sclip/MODEL_CARD.md").read_text()
    assert "Apache License" in (unpacked / "share/doc/sclip/LICENSE").read_text()
    assert (licences / "LICENSE.dejavu.txt").is_file()


def test_what_the_readme_names_is_there(unpacked):
    named = set(re.findall(r"`((?:bin|lib|share|include)/[\w./-]+)", (unpacked / "README.md").read_text()))
    assert len(named) > 9
    assert not [name for name in named if not (unpacked / name).exists()]
    for file, word in (("bash-completion/completions/sclip", "complete -F"), ("zsh/site-functions/_sclip", "#compdef sclip"),
                       ("fish/vendor_completions.d/sclip.fish", "complete -c sclip")):
        assert word in (unpacked / "share" / file).read_text()
    assert str(ROOT) not in "".join(p.read_text() for p in (unpacked / "lib").rglob("*.cmake"))


@AS_ROOT
def test_the_command_beside_glibc_alone(unpacked, mask, tmp_path):
    root = root_of_glibc(tmp_path / "root")
    shutil.copytree(unpacked, root / "opt/sclip", symlinks=True)
    # A chroot has no /proc; the loader and the command read there where the command lies.
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/exe").symlink_to("/opt/sclip/bin/sclip")
    photos = {"china.jpg": Image.open(CHINA)}
    shutil.copy(CHINA, root / "tmp/china.jpg")
    for name in ("china.png", "china.tif", "china.webp"):
        photos["china.jpg"].save(root / "tmp" / name, **({"lossless": True} if name.endswith("webp") else {}))
    for name in ("china.jpg", "china.png", "china.tif", "china.webp"):
        said = run(CHROOT, root, "/opt/sclip/bin/sclip", "segment", f"/tmp/{name}", "-c", CLASSES, "-o", f"/tmp/{name}.out", env={})
        assert "mask.png" in said
        assert np.array_equal(np.asarray(Image.open(root / f"tmp/{name}.out/mask.png")), mask), name
    # Another script in the legend: font libraries are there, fonts are not.
    run(CHROOT, root, "/opt/sclip/bin/sclip", "segment", "/tmp/china.jpg", "-c", "空, sky; tree", "-o", "/tmp/kanji", env={})
    refused = subprocess.run([CHROOT, root, "/opt/sclip/bin/sclip", "segment", "/no/such.jpg", "-c", "sky", "-o", "/tmp/none"],
                             capture_output=True, text=True, check=False, env={})
    assert refused.returncode == 2 and "/no/such.jpg" in refused.stderr
    (root / "opt/sclip/lib/sclip/libnettle.so.8").unlink()  # the root is as empty as this test says
    broken = subprocess.run([CHROOT, root, "/opt/sclip/bin/sclip", "--help"], capture_output=True, text=True, check=False, env={})
    assert broken.returncode == 127 and "libnettle" in broken.stderr


def test_a_project_builds_against_the_unpacked_tarball(unpacked, mask, tmp_path):
    classes = '"sky; building, house; tree"'
    source = next(source for language, source in programs() if language == "cpp")
    assert classes in source
    (tmp_path / "main.cpp").write_text(source.replace(classes, f'"{CLASSES}"'))
    (tmp_path / "CMakeLists.txt").write_text("""cmake_minimum_required(VERSION 3.20)
project(consumer CXX)
find_package(sclip 0.1 REQUIRED)
add_executable(consumer main.cpp)
target_compile_features(consumer PRIVATE cxx_std_20)
target_link_libraries(consumer PRIVATE sclip::sclip)
""")
    run("cmake", "-S", tmp_path, "-B", tmp_path / "build", f"-DCMAKE_PREFIX_PATH={unpacked}")
    run("cmake", "--build", tmp_path / "build")
    flags = run("pkg-config", "--cflags", "--libs", "sclip", env={"PKG_CONFIG_PATH": str(unpacked / "lib/pkgconfig"), "PATH": os.environ["PATH"]})
    run("sh", "-c", f"g++ -std=c++20 main.cpp -o consumer {flags.strip()} '-Wl,-rpath,{unpacked}/lib'", cwd=tmp_path)
    model = unpacked / "share/sclip/demo-clip.sclip"
    counted = [int((mask == c).sum()) for c in range(3)]
    for program in (tmp_path / "build/consumer", tmp_path / "consumer"):
        loaded = dict(re.findall(r"(\S+) => (.*) \(0x", run("ldd", program)))
        outside = {name: path for name, path in loaded.items() if name not in GLIBC and not path.startswith(str(unpacked.resolve()))}
        assert set(outside) <= {"libstdc++.so.6", "libgcc_s.so.1"}  # the program's own
        assert [int(n) for n in re.findall(r"\d+", run(program, model, CHINA))] == counted


def test_the_package_depends_on_what_it_uses(package, tmp_path):
    run("dpkg-deb", "-x", package, tmp_path)
    depends = set(re.findall(r"(?:^|, )([a-z0-9+.-]+)", run("dpkg-deb", "-f", package, "Depends")))
    for file in elf_files(tmp_path):
        assert not dynamic(file, "RPATH") + dynamic(file, "RUNPATH"), file.name
        loaded = dict(re.findall(r"(\S+) => (\S+) \(0x", run("ldd", file)))
        for library in set(dynamic(file, "NEEDED")) - {"ld-linux-x86-64.so.2"}:
            owner = {line.split(":")[0] for line in run("dpkg", "-S", f"*/{library}").splitlines()}
            assert owner & depends, f"{file.name} uses {library} of {owner}, of which Depends says nothing"
    for name in ("usr/share/man/man1/sclip.1.gz", "usr/share/doc/sclip/copyright", "usr/share/doc/sclip/changelog.Debian.gz",
                 "usr/share/bash-completion/completions/sclip", "usr/share/zsh/vendor-completions/_sclip",
                 "usr/share/fish/vendor_completions.d/sclip.fish", "usr/share/sclip/demo-clip.sclip", "usr/include/sclip/sclip.h"):
        assert (tmp_path / name).is_file(), name
    copyright = (tmp_path / "usr/share/doc/sclip/copyright").read_text()
    assert "non-commercial" in copyright and "Tavmjong Bah" in copyright and "Niels Lohmann" in copyright
    if shutil.which("lintian"):
        run("lintian", "--fail-on", "error,warning", package)


@AS_ROOT
def test_the_package_installs_and_runs(package, mask, tmp_path):
    root = root_of_glibc(tmp_path / "root")
    for program in ("bin/sh", "sbin/ldconfig"):  # for the package's scripts
        (root / program).parent.mkdir(exist_ok=True)
        shutil.copy(Path("/", program).resolve(), root / program)
    for folder in ("etc", "var/cache/ldconfig", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"):
        (root / folder).mkdir(parents=True)
    for file in ("status", "available"):
        (root / "var/lib/dpkg" / file).touch()
    dpkg = ("dpkg", f"--root={root}", "--force-depends")
    run(*dpkg, "-i", package)
    assert "Status: install ok installed" in run(*dpkg, "-s", "sclip")
    assert "libsclip.so.0" in run(CHROOT, root, "/sbin/ldconfig", "-p")
    run(root / "usr/bin/sclip", "segment", CHINA, "-c", CLASSES, "-o", tmp_path / "out",
        env={k: v for k, v in os.environ.items() if k != "SCLIP_MODEL"}, cwd=tmp_path)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out/mask.png")), mask)
    run(*dpkg, "-r", "sclip")
    assert not [p for p in root.rglob("*sclip*") if p.is_file() and "var/lib/dpkg" not in str(p)]
