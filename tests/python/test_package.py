"""The Python package: installed into a fresh environment as people do, and used."""
import json
import os
import re
import subprocess
import sys

import nbclient
import nbformat
import numpy as np
import pytest
from cli_support import ROOT, SCLIP, succeed
from package_support import in_site, run
from PIL import Image

WORDS = "sky; building, house; tree"
CHECKS = ("inputs", "words_and_options", "features", "embeddings", "exports", "fiftyone", "many", "threads", "fork", "results_outlive_the_model",
          "tensors")


def programs():
    return re.findall(r"^```python\n(.*?)^```", (ROOT / "docs/python.md").read_text(), re.M | re.S)


def test_three_lines_in_a_fresh_environment(fresh):
    readme = re.search(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    assert len(readme[1].splitlines()) == 3
    assert run(fresh / "bin/python", "-c", readme[1], cwd=ROOT) == run(fresh / "bin/python", "-c", programs()[0], cwd=ROOT)
    out = run(fresh / "bin/python", "-c", programs()[0], cwd=ROOT)
    assert out.startswith("<sclip.Result 640×427: sky ")


def test_the_command_and_the_converter_come_along(fresh, tmp_path):
    # No model is named: the one of the package is found from anywhere.
    run(fresh / "bin/sclip", "segment", ROOT / "tests/data/photos/china.jpg", "-c", WORDS, "-o", tmp_path, cwd=tmp_path)
    succeed("segment", ROOT / "tests/data/photos/china.jpg", "-c", WORDS, "-o", tmp_path / "own")
    assert np.array_equal(np.asarray(Image.open(tmp_path / "mask.png")), np.asarray(Image.open(tmp_path / "own/mask.png")))
    assert "usage" in run(fresh / "bin/sclip-convert", "--help").lower()


def test_what_the_wheel_holds(fresh):
    package = next(fresh.glob("lib/python*/site-packages/sclip"))
    files = {str(p.relative_to(package)) for p in package.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    assert {"py.typed", "_sclip.pyi", "libsclip.so.0", "bin/sclip", "models/demo-clip.sclip", "models/MODEL_CARD.md"} <= files
    needed = [line for path in (*package.glob("*.so*"), package / "bin/sclip") for line in run("readelf", "-d", path).splitlines() if "NEEDED" in line]
    assert needed and not [line for line in needed if "libcrypto" in line or "libssl" in line]


@pytest.mark.parametrize("check", CHECKS)
def test_check(check, site):
    assert f"{check} passed" in in_site(site, ROOT / "tests/python/package_checks.py", check, cwd=ROOT)


@pytest.mark.parametrize("index", range(1, len(programs())))
def test_a_program_of_the_documentation(index, site, tmp_path):
    source = programs()[index]
    (tmp_path / "tests/data").mkdir(parents=True)
    (tmp_path / "tests/data/photos").symlink_to(ROOT / "tests/data/photos")
    if "ViT-B-16.pt" in source:
        from tests.reference import random_weights
        random_weights.save_state_dict(random_weights.random_state_dict(random_weights.SMALL), tmp_path / "ViT-B-16.pt")
    in_site(site, "-c", source, cwd=tmp_path)
    if "overlay.png" in source:
        assert Image.open(tmp_path / "overlay.png").width == 640
    if "ViT-B-16.pt" in source:
        assert (tmp_path / "clip-vit-b16.sclip").stat().st_size > 1e6


def test_the_command_bit_for_bit(site, tmp_path):
    """Thirty photos, in f32, labels and scores."""
    china = Image.open(ROOT / "tests/data/photos/china.jpg").convert("RGB")
    (tmp_path / "photos").mkdir()
    for i in range(30):
        china.crop((7 * i, 3 * i, 7 * i + 120 + 11 * i, 3 * i + 90 + 8 * i)).save(tmp_path / f"photos/{i:02}.png")
    succeed("segment", tmp_path / "photos", "-c", WORDS, "--precision", "f32", "--device", "cpu", "-o", tmp_path / "out", "--outputs",
            "mask,json,scores")
    program = """
import sys, numpy as np, sclip
from pathlib import Path
model = sclip.load("demo", device="cpu", precision="f32")
for path, result in model.segment_folder(sys.argv[1], sys.argv[2]):
    np.savez(Path(sys.argv[3]) / path.stem, mask=result.mask, scores=result.scores)
"""
    (tmp_path / "found").mkdir()
    in_site(site, "-c", program, tmp_path / "photos", WORDS, tmp_path / "found")
    found = sorted((tmp_path / "found").iterdir())
    assert len(found) == 30
    for path in found:
        arrays = np.load(path)
        assert np.array_equal(arrays["mask"], np.asarray(Image.open(tmp_path / f"out/{path.stem}.mask.png"))), path.stem
        assert np.array_equal(arrays["scores"], np.load(tmp_path / f"out/{path.stem}.scores.npy")), path.stem


def test_types(site):
    """The package as it is installed and a program that uses it have no errors, beside a program whose errors are all that is said."""
    wrong = site / "wrong.py"
    wrong.write_text("import sclip\nsclip.load('demo').segment(3.5, 7)\nx: int = sclip.load('demo').name\n")
    # Ray's own hundred thousand lines are not looked at.
    (site / "mypy.ini").write_text("[mypy-ray.*,pyarrow.*,starlette.*]\nfollow_imports = skip\n")
    done = subprocess.run([sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--cache-dir", site / "mypy", "--config-file", site / "mypy.ini",
                           "--no-error-summary", ROOT / "python/examples/typed.py", site / "sclip", wrong], capture_output=True, text=True,
                          check=False, env=os.environ | {"MYPYPATH": str(site)}, cwd=site)
    said = done.stdout.splitlines()
    assert done.returncode == 1 and {line.rsplit("/", 1)[-1].split(": ")[0] for line in said if ": error:" in line} == {
        "wrong.py:2", "wrong.py:3"}, done.stdout + done.stderr


def test_the_notebook(site, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(site))
    notebook = nbformat.read(ROOT / "python/examples/words.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()
    kinds = [set(output.get("data", {})) for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any("image/png" in kind for kind in kinds)  # a result shows itself
    stored = json.loads((ROOT / "python/examples/words.ipynb").read_text())
    assert not any(cell.get("outputs") for cell in stored["cells"])  # nothing of a run is kept in the tree


def test_label_studios_run_lengths_read_back(site):
    """Decoded as label-studio-converter's brush.decode_rle does it: bits to values, four channels, the last one alpha."""
    program = """
import numpy as np
from sclip.exports import label_studio_rle
def decode(rle):
    bits = "".join(f"{b:08b}" for b in rle)
    at = 0
    def take(n):
        nonlocal at
        at += n
        return int(bits[at - n:at], 2)
    count, word = take(32), take(5) + 1
    sizes = [take(4) + 1 for _ in range(4)]
    out = []
    while len(out) < count:
        repeat, size = take(1), sizes[take(2)]
        length = take(size) + 1
        out += [take(word)] * length if repeat else [take(word) for _ in range(length)]
    return np.array(out, np.uint8).reshape(-1, 4)[:, 3]
random = np.random.default_rng(3)
for shape in ((3, 5), (1, 1), (40, 30), (200, 300)):
    mask = (random.random(shape) < 0.3).astype(np.uint8) * 255
    if shape == (200, 300): mask[:] = 255
    assert np.array_equal(decode(label_studio_rle(mask)), mask.ravel()), shape
print("same")
"""
    assert "same" in in_site(site, "-c", program)
