"""Which folder may include which: CONTRIBUTING.md's table, held to."""
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What a folder's production code includes beside itself. `sclip` is include/sclip, the only folder for the outside.
MAY_INCLUDE = {
    "include/sclip": {"sclip"},
    "core": {"sclip"},
    "kernels": {"core", "sclip"},
    "backends": {"core", "kernels", "sclip"},
    "weights": {"core", "sclip"},
    "engine": {"core", "kernels", "backends", "weights", "sclip"},
    "io": {"core", "kernels", "sclip"},
    "results": {"core", "io", "sclip"},
    "api": {"core", "io", "results", "sclip"},
    "evaluation": {"core", "io", "results", "sclip"},
    "server": {"core", "io", "results", "sclip"},
    "benchmarks/kernels": {"benchmarks", "core", "kernels", "backends", "sclip"},
    "apps": {"benchmarks", "core", "io", "results", "evaluation", "server", "sclip"},
    "cudasim": set(),
}
FOLDERS = {"core", "kernels", "backends", "weights", "engine", "io", "results", "evaluation", "api", "server", "apps",
           "sclip", "tests", "benchmarks"}


def sources(folder):
    return [p for p in (ROOT / folder).rglob("*") if p.suffix in {".h", ".cpp", ".cu", ".cuh"}
            and not re.search(r"_(test|bench)$", p.stem)]


def included(path):
    return [name.split("/")[0] for name in re.findall(r'^#include "([^"]+/[^"]+)"', path.read_text(), re.M)]


@pytest.mark.parametrize("folder", MAY_INCLUDE)
def test_a_folder_includes_what_lies_below_it(folder):
    files = sources(folder)
    assert files, f"{folder} has no sources"
    allowed = MAY_INCLUDE[folder] | {folder.split("/")[-1]}
    wrong = [f"{path.relative_to(ROOT)} includes {name}/" for path in files for name in included(path)
             if name in FOLDERS and name not in allowed]
    assert not wrong, "\n".join(wrong)


def test_engines_inside_is_included_by_its_own_tests_only():
    outside = [path for folder in ("api", "apps", "evaluation", "server", "results", "io", "benchmarks", "tests/host", "tests/python") for path in sources(folder)]
    assert len(outside) > 50
    wrong = [str(path.relative_to(ROOT)) for path in outside if "engine" in included(path)]
    assert not wrong, "\n".join(wrong)


def test_public_headers_stand_alone():
    for path in sources("include/sclip"):
        text = path.read_text()
        if path.name == "sclip.h":  # C's, which has its guard
            assert "#ifndef SCLIP_SCLIP_H" in text
            assert set(re.findall(r"#include (.*)", text)) == {"<stddef.h>", "<stdint.h>"}
            continue
        assert "#pragma once" in text
        assert not re.search(r'#include <(?!sclip)[^>]*\.(h|hpp)>', text), f"{path.name} includes a third party's header"


def test_a_type_of_the_namespace_has_one_definition():
    """Two types of one name in two headers break the language's rule of one definition, and no linker says so."""
    defined = {}
    headers = [path for folder in MAY_INCLUDE if folder != "cudasim" for path in (ROOT / folder).rglob("*.h")]
    for path in sorted(set(headers)):
        for name in re.findall(r"^(?:enum class|class|struct|enum) (\w+)(?: final)?(?: :[^:][^;{]*)? \{", path.read_text(), re.M):
            defined.setdefault(name, []).append(str(path.relative_to(ROOT)))
    assert len(defined) > 100
    assert not {name: paths for name, paths in defined.items() if len(paths) > 1}
