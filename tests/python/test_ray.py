"""sclip.ray on a cluster of two workers on this machine: nothing lost and nothing twice, whatever is killed, and the command's bytes."""
import importlib.util
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter

import pytest
from cli_support import ROOT, files_in, pytestmark, run, succeed  # noqa: F401
from package_support import environment, in_site
from package_support import run as run_program
from PIL import Image

with_ray = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed: pip install 'ray[data,serve]'")
WORDS = "sky; building, house; tree"
PATIENCE = 900  # seconds, on a busy machine


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """28 photos, some in a folder below, two of which share a stem; one is truncated."""
    folder = tmp_path_factory.mktemp("photos")
    china = Image.open(ROOT / "tests/data/photos/china.jpg").convert("RGB")
    for i in range(24):
        china.crop((7 * i, 3 * i, 7 * i + 160, 3 * i + 120)).save(folder / f"{i:02}.png")
    (folder / "below").mkdir()
    for name in ("05.png", "05.jpg", "06.png"):
        china.crop((100, 100, 220, 200)).save(folder / "below" / name)
    (folder / "broken.jpg").write_bytes((ROOT / "tests/data/photos/china.jpg").read_bytes()[:5000])
    return folder


@pytest.fixture(scope="module")
def command(sclip, photos, tmp_path_factory):
    """What `sclip segment` makes of the same folder; it fails for the truncated photo, and for that alone."""
    folder = tmp_path_factory.mktemp("command")
    done = run("segment", photos, "-c", WORDS, "--precision", "f32", "--device", "cpu", "--outputs", "mask,overlay,json", "-o", folder / "command", "-q")
    assert done.code == 2 and "broken.jpg" in done.err
    return folder


def start_cluster():
    from ray.cluster_utils import Cluster
    for attempt in range(4):  # Ray waits 30 s for a node, which a busy machine may need longer for
        started = Cluster(initialize_head=False)
        try:
            for _ in range(2):
                started.add_node(num_cpus=1, include_dashboard=False, object_store_memory=100 << 20)
            return started
        except Exception:
            started.shutdown()
            if attempt == 3:
                raise


@pytest.fixture(scope="module")
def cluster(site):
    """The environment of programs that use a cluster of two workers with a processor each."""
    # Nothing is told to anybody, and no token is made in the home of whoever runs this.
    settings = {**environment(site), "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "RAY_DATA_DISABLE_PROGRESS_BARS": "1"}
    before = dict(os.environ)
    os.environ.update(settings)
    try:
        started = start_cluster()
        yield {**settings, "RAY_ADDRESS": started.address}
        started.shutdown()
    finally:
        os.environ.clear()
        os.environ.update(before)


def driver(cluster, photos, out, *more):
    return subprocess.Popen([sys.executable, "-m", "sclip.ray", photos, "-c", WORDS, "-o", out, "--device", "cpu", "--precision", "f32",
                             "--shard-size", "5", "--together", "2", *more], env=cluster, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process):
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return out


def until(found, process=None):
    """What `found` returns when that is true."""
    end = time.time() + PATIENCE
    while time.time() < end:
        if value := found():
            return value
        assert process is None or process.poll() is None, f"it ended before: {process.communicate()}"
        time.sleep(0.005)
    raise AssertionError("it did not come to that")


def rows_of(out):
    import pyarrow.parquet as pq
    return [row for path in sorted((out / "statistics").iterdir()) for row in pq.read_table(path).to_pylist()]


def check_whole(out, photos, command):
    """A row for each photo and no other, the command's masks byte for byte, and nothing that was half made."""
    rows = rows_of(out)
    assert Counter(row["path"] for row in rows) == Counter(str(p) for p in photos.rglob("*") if p.is_file())
    (broken,) = [row for row in rows if row["error"]]
    assert broken["path"].endswith("broken.jpg") and "truncated" in broken["error"] and broken["mask"] is broken["classes"] is None
    expected = {name for name in files_in(command / "command") if name.endswith(".mask.png")}
    assert len(expected) == len(rows) - 1
    assert {row["mask"] for row in rows if row["mask"]} == expected == set(files_in(out / "masks"))
    for name in expected:
        assert (out / "masks" / name).read_bytes() == (command / "command" / name).read_bytes(), name
    others = [name for name in files_in(out) if not name.startswith("masks/") and not re.fullmatch(r"statistics/\d{5}\.parquet", name)]
    assert others == [".lock", "dataset.json", "photos.parquet"]


def shards_of(out):
    import pyarrow.parquet as pq
    planned = {}
    for row in pq.read_table(out / "photos.parquet").to_pylist():
        planned.setdefault(row["shard"], []).append(row["mask"])
    return planned


@with_ray
def test_a_worker_is_killed_in_the_middle(cluster, photos, command, tmp_path):
    out = tmp_path / "out"
    process = driver(cluster, photos, out, "--workers", "2")

    def caught():
        """The process of a shard of which some masks are there and others are not; it stands still while that is looked at."""
        for part in out.glob(".part/*-*-*"):
            number, pid = int(part.name.split("-")[0]), int(part.name.rsplit("-", 2)[1])
            try:
                os.kill(pid, signal.SIGSTOP)
            except ProcessLookupError:  # it has just finished
                continue
            there = sum((out / "masks" / name).exists() for name in shards_of(out)[number])
            if part.exists() and 0 < there < 4 and not (out / f"statistics/{number:05}.parquet").exists():
                return number, pid
            os.kill(pid, signal.SIGCONT)
        return None
    number, pid = until(caught, process)
    os.kill(pid, signal.SIGKILL)
    said = finish(process)
    assert "28 photos in 6 shards, 1 of them broken; 1 process replaced" in said
    assert (out / f"statistics/{number:05}.parquet").exists()
    check_whole(out, photos, command)


@with_ray
def test_it_goes_on_after_its_driver_was_killed(cluster, photos, command, tmp_path):
    out = tmp_path / "out"
    process = driver(cluster, photos, out)
    until(lambda: list(out.glob("statistics/*.parquet")), process)
    process.kill()
    process.communicate()
    time.sleep(1)  # what its workers rename meanwhile is whole
    done = {p.name: (p.stat().st_ino, p.read_bytes()) for p in (out / "statistics").iterdir()}
    assert 0 < len(done) < 6

    refused = subprocess.run([sys.executable, "-m", "sclip.ray", photos, "-c", "sky", "-o", out], env=cluster, capture_output=True, text=True)
    assert refused.returncode == 2 and re.fullmatch(r"sclip\.ray: .* was begun with classes .*\n", refused.stderr)
    said = finish(driver(cluster, photos, out))
    of_this, before = map(int, re.search(r"in (\d+) shards?, . of them broken; (\d+) shards? done before", said).groups())
    assert of_this + before == 6 and before >= len(done)
    check_whole(out, photos, command)
    for name, (inode, content) in done.items():
        assert (out / "statistics" / name).read_bytes() == content and (out / "statistics" / name).stat().st_ino == inode

    # Again, with nothing to do; then with a photo more.
    everything = {name: (out / name).stat().st_ino for name in files_in(out)}
    assert "0 photos in 0 shards, 0 of them broken; 6 shards done before" in finish(driver(cluster, photos, out))
    more = tmp_path / "photos"
    more.mkdir()
    for path in photos.rglob("*"):
        if path.is_file():
            (more / path.relative_to(photos)).parent.mkdir(exist_ok=True)
    Image.open(photos / "00.png").save(more / "00.jpg")
    assert "1 photo in 1 shard, 0 of them broken; 6 shards done before" in finish(driver(cluster, more, out))
    assert {name: (out / name).stat().st_ino for name in everything if name not in ("dataset.json", "photos.parquet")} == {
        name: inode for name, inode in everything.items() if name not in ("dataset.json", "photos.parquet")}
    added = [row for row in rows_of(out) if row["path"] == str(more / "00.jpg")]
    assert len(added) == 1 and added[0]["mask"] == "00.jpg.mask.png" and (out / "masks/00.jpg.mask.png").exists()


@with_ray
@pytest.mark.parametrize("check", ["refusals", "segmenter", "serving"])
def test_check(check, cluster, site, photos, command, tmp_path):
    out = command if check != "refusals" else tmp_path / "out"
    assert f"{check} passed" in in_site(site, ROOT / "tests/python/ray_checks.py", check, photos, out, env=cluster, timeout=PATIENCE)


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / "docs/ray.md").read_text(), re.M | re.S)


@with_ray
def test_the_programs_of_the_documentation(cluster, site, tmp_path):
    """One after the other in one folder, as they are printed: a later one reads what an earlier one wrote."""
    programs = blocks("python")
    assert len(programs) >= 4
    if any("localhost:8000" in program for program in programs):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if s.connect_ex(("127.0.0.1", 8000)) == 0:
                pytest.skip("port 8000, which the examples name, is taken")
    (tmp_path / "tests").symlink_to(ROOT / "tests")
    said = [in_site(site, "-c", program, cwd=tmp_path, env=cluster, timeout=PATIENCE) for program in programs]
    assert "2 photos in 1 shard, 0 of them broken" in said[0]
    assert any("china.jpg" in text and "sky" in text for text in said[1:])


def test_the_table_of_the_documentation_is_what_its_command_prints():
    printed = run_program(sys.executable, ROOT / "benchmarks/cluster_estimate.py")
    assert printed.count("\n|") > 6 and printed.strip() in (ROOT / "docs/ray.md").read_text()


def test_without_ray_it_is_said_what_to_install(fresh):
    done = subprocess.run([fresh / "bin/python", "-c", "import sclip; print('here'); import sclip.ray"], capture_output=True, text=True,
                          env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"})
    assert done.returncode != 0 and done.stdout == "here\n"
    assert "sclip.ray stands on Ray and pyarrow, and one of them is not installed: pip install 'sclip[ray]'" in done.stderr.splitlines()[-1]
