"""The examples of README.md and docs/serve.md, run exactly as they are printed."""
import importlib.util
import re
import socket
import subprocess
import sys
import time

import pytest
from cli_support import ROOT, SCLIP, pytestmark  # noqa: F401
from PIL import Image

PORT = 8080  # the one that is printed


def blocks(file: str, language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", (ROOT / file).read_text(), re.M | re.S)
    return [text for of, text in found if of == language]


def is_free() -> bool:
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", PORT))
            return True
        except OSError:
            return False


@pytest.fixture(scope="module")
def place(sclip, tmp_path_factory):
    """A folder in which the printed paths lead to this tree, and the printed service runs."""
    if not is_free():
        pytest.skip(f"port {PORT}, which the examples name, is taken")
    folder = tmp_path_factory.mktemp("as-printed")
    (folder / "build").mkdir()
    (folder / "build/sclip").symlink_to(SCLIP)
    (folder / "tests").symlink_to(ROOT / "tests")
    printed = [line for block in blocks("README.md", "") for line in block.splitlines() if "sclip serve" in line]
    assert printed == ["build/sclip serve &"]
    process = subprocess.Popen(printed[0].removesuffix(" &").split(), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert f":{PORT} " in process.stdout.readline()
    yield folder
    process.terminate()
    assert process.wait(30) == 0


def curls(file):
    return [line for block in blocks(file, "") for line in block.splitlines() if line.startswith("curl ")]


@pytest.mark.parametrize("file, least", [("README.md", 1), ("docs/serve.md", 3)])
def test_curl(place, file, least):
    commands = curls(file)
    assert len(commands) >= least
    for command in commands:
        done = subprocess.run(["bash", "-c", command + " --no-progress-meter --fail-with-body"], cwd=place, capture_output=True, timeout=120)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        if "overlay.png" in command:
            assert Image.open(place / "overlay.png").size[0] >= 640
        else:
            classes = {name.decode() for name in re.findall(rb'"(?:category_)?name": "(.*?)"', done.stdout)}
            assert classes >= ({"sky", "building", "tree"} if "building" in command else {"sky", "tree"}), (command, classes)


def test_python(place):
    examples = blocks("docs/serve.md", "python")
    assert len(examples) >= 2
    for example in examples:
        for module in re.findall(r"^import (\w+)", example, re.M):
            if importlib.util.find_spec(module) is None:
                pytest.skip(f"{module} is not installed (scripts/requirements/test.txt)")
        done = subprocess.run([sys.executable, "-c", example], cwd=place, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert "sky" in done.stdout or "(427, 640)" in done.stdout
