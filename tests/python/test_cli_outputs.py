"""Outputs that cannot be written, and runs that are interrupted: nothing half-written stays."""
import os
import resource
import shutil
import signal
import subprocess
import time

import pytest
from cli_support import BARE, CHINA, CLASSES, SCLIP, fail, files_in, pytestmark, result, run, succeed  # noqa: F401
from PIL import Image


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("x")
    for out in (tmp_path / "file", tmp_path / "file/deeper"):
        assert str(out) in fail("segment", CHINA, "-c", CLASSES, "-o", out)
    assert str(tmp_path / "file") in fail("embed", "--text", "sky", "-o", tmp_path / "file/t.npy")
    assert files_in(tmp_path) == ["file"]


def test_a_folder_where_an_output_should_be(tmp_path):
    (tmp_path / "mask.png/x").mkdir(parents=True)
    assert "mask.png" in fail("segment", CHINA, "-c", CLASSES, *BARE, "-o", tmp_path)
    assert files_in(tmp_path) == []


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own, to be filled or made read-only."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() != 0 or shutil.which("mount") is None or \
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], capture_output=True).returncode != 0:
        pytest.skip("cannot mount a disk here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_read_only_disk(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    line = fail("segment", CHINA, "-c", CLASSES, "-o", small_disk)
    assert str(small_disk) in line and "Read-only" in line


def test_full_disk(small_disk):
    line = fail("segment", CHINA, "-c", CLASSES, *BARE, "-o", small_disk)
    assert "overlay.png" in line and "No space left" in line
    assert files_in(small_disk) == []
    line = fail("segment", CHINA, "-c", CLASSES, *BARE, "--outputs", "mask,overlay,json,logits", "-o", small_disk)
    assert "logits.npy" in line and "No space left" in line
    assert files_in(small_disk) == []


def test_full_disk_leaves_older_outputs_alone(small_disk):
    (small_disk / "mask.png").write_text("older")
    fail("segment", CHINA, "-c", CLASSES, *BARE, "-o", small_disk)
    assert files_in(small_disk) == ["mask.png"] and (small_disk / "mask.png").read_text() == "older"


def test_file_size_limit(tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    line = fail("segment", CHINA, "-c", CLASSES, *BARE, "-o", tmp_path / "out", preexec_fn=limit)
    assert "overlay.png" in line and "too large" in line
    assert files_in(tmp_path / "out") == []


def test_standard_output_that_is_full():
    with open("/dev/full", "w") as full:
        done = subprocess.run([SCLIP, "info"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2 and done.stderr == "sclip: cannot write to standard output\n"


def start(*arguments):
    # A background job of a shell has SIGINT ignored and hands that on; a person's terminal does not.
    return subprocess.Popen([str(SCLIP), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))


def finished(out) -> list[str]:
    return [name for name in files_in(out) if name.endswith("result.json")]


@pytest.mark.parametrize("wish, jobs", [(signal.SIGINT, 1), (signal.SIGTERM, 2)])
def test_interrupted_folder_run(wish, jobs, tmp_path):
    (tmp_path / "in").mkdir()
    count = 40  # enough for a busy machine to notice the first two before the last is done
    for i in range(count):
        Image.open(CHINA).rotate(i).save(tmp_path / f"in/{i:02}.jpg")
    out = tmp_path / "out"
    options = ("segment", tmp_path / "in", "-c", CLASSES, *BARE, "--threads", "1", "--jobs", jobs, "--outputs", "mask,overlay,json,logits", "-o", out)
    process = start(*options)
    deadline = time.monotonic() + 120
    while (not out.exists() or len(finished(out)) < 2) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(wish)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    done = finished(out)
    assert 2 <= len(done) < count
    assert err.splitlines()[-1] == f"sclip: interrupted; {len(done)} of {count} photos done, --resume goes on with the rest"
    kinds = ("logits.npy", "mask.png", "overlay.png", "result.json")
    assert files_in(out) == sorted(f"{name[:2]}.{kind}" for name in done for kind in kinds)

    before = {name: (out / name).stat().st_mtime_ns for name in done}
    again = succeed(*options, "--resume")
    assert f"{count - len(done)} photo" in again.out and f"{len(done)} finished before" in again.out
    assert len(finished(out)) == count
    assert before == {name: (out / name).stat().st_mtime_ns for name in done}


def test_interrupted_single_photo(tmp_path):
    # Many small steps between windows make this run long enough to be caught.
    process = start("segment", CHINA, "-c", CLASSES, *BARE, "--stride", "2", "--threads", "1", "--outputs", "mask,overlay,json,logits", "-o", tmp_path / "out")
    deadline = time.monotonic() + 60
    while not files_in(tmp_path / "out") and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)  # until the array that is filled during the run appears under its temporary name
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and err == "sclip: interrupted; nothing was written\n"
    assert files_in(tmp_path / "out") == []
