"""The text bank's cache: used, shared, never trusted."""
import subprocess

import pytest
from cli_support import CHINA, CLASSES, SCLIP, files_in, pytestmark, result, succeed  # noqa: F401

QUICK = ("segment", CHINA, "-c", CLASSES, "--short-side", "112")


def masks_and_origin(out):
    return (out / "mask.png").read_bytes(), result(out)["text_bank"]["from_cache"]


def test_second_run_uses_the_cache(tmp_path):
    cache = tmp_path / "deep/cache"
    for name in ("a", "b"):
        succeed(*QUICK, "--cache-dir", cache, "-o", tmp_path / name)
    assert len(files_in(cache)) == 1
    (first, computed), (second, cached) = masks_and_origin(tmp_path / "a"), masks_and_origin(tmp_path / "b")
    assert first == second and not computed and cached
    # Other words or templates are another bank.
    succeed(*QUICK, "--cache-dir", cache, "--templates", "none", "-o", tmp_path / "c")
    assert not result(tmp_path / "c")["text_bank"]["from_cache"] and len(files_in(cache)) == 2
    succeed(*QUICK, "--cache-dir", cache, "--no-cache", "-o", tmp_path / "d")
    assert not result(tmp_path / "d")["text_bank"]["from_cache"]


def test_cache_folder_from_the_environment(tmp_path):
    for variable, folder in (("SCLIP_CACHE_DIR", "a"), ("XDG_CACHE_HOME", "b/sclip"), ("HOME", "c/.cache/sclip")):
        env = {"SCLIP_CACHE_DIR": "", "XDG_CACHE_HOME": "", "HOME": "/nowhere", variable: str(tmp_path / folder[0])}
        succeed(*QUICK, "-o", tmp_path / "out", env=env)
        assert len(files_in(tmp_path / folder)) == 1


@pytest.mark.parametrize("damage", [
    lambda data: b"",
    lambda data: data[:-7],
    lambda data: data[:200] + bytes([data[200] ^ 1]) + data[201:],
    lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    lambda data: bytes(len(data)),
    lambda data: data + b"more",
], ids=["empty", "truncated", "bit", "checksum", "zeros", "longer"])
def test_a_damaged_cache_is_rebuilt(damage, tmp_path):
    cache = tmp_path / "cache"
    succeed(*QUICK, "--cache-dir", cache, "-o", tmp_path / "a")
    (file,) = cache.iterdir()
    good = file.read_bytes()
    file.write_bytes(damage(good))
    done = succeed(*QUICK, "--cache-dir", cache, "-o", tmp_path / "b")
    assert done.err.count("\n") == 1 and file.name in done.err and "rebuilt" in done.err
    (first, _), (second, cached) = masks_and_origin(tmp_path / "a"), masks_and_origin(tmp_path / "b")
    assert first == second and not cached
    assert file.read_bytes() == good and len(files_in(cache)) == 1
    assert succeed(*QUICK, "--cache-dir", cache, "-o", tmp_path / "c").err == ""
    assert result(tmp_path / "c")["text_bank"]["from_cache"]


def test_a_cache_that_cannot_be_written_is_only_a_warning(tmp_path):
    (tmp_path / "file").write_text("x")
    done = succeed(*QUICK, "--cache-dir", tmp_path / "file/cache", "-o", tmp_path / "out")
    assert done.err.count("\n") == 1 and done.err.startswith("sclip: warning: ") and "file/cache" in done.err


def test_many_processes_write_it_at_once(tmp_path):
    cache = tmp_path / "cache"
    commands = [[str(a) for a in (SCLIP, *QUICK, "--threads", "1", "--cache-dir", cache, "-o", tmp_path / str(i))] for i in range(4)]
    running = [subprocess.Popen(c, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for c in commands]
    for process in running:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0 and err == ""
    assert len(files_in(cache)) == 1
    succeed(*QUICK, "--cache-dir", cache, "-o", tmp_path / "after")
    assert result(tmp_path / "after")["text_bank"]["from_cache"]
    assert len({masks_and_origin(tmp_path / str(i))[0] for i in (0, 1, 2, 3, "after")}) == 1
