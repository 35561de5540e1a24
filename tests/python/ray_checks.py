"""What sclip.ray must do in a program; test_ray.py runs a function of this by its name, with a folder of photos and one to write to."""
import concurrent.futures
import json
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import ray
import sclip
import sclip.ray

WORDS = "sky; building, house; tree"
F32 = {"device": "cpu", "precision": "f32"}


def facts_of(result_json: Path) -> list[dict]:
    """Of the command's result.json what a row has of each class."""
    return [{key: c[key] for key in ("id", "name", "pixels", "share", "mean_score", "max_score")}
            for c in json.loads(result_json.read_text())["classes"]]


def same_facts(found: list[dict], command: Path) -> bool:
    expected = facts_of(command)
    return len(found) == len(expected) and all(
        f[key] == pytest.approx(e[key], rel=1e-6, abs=1e-12) if "score" in key or key == "share" else f[key] == e[key]
        for f, e in zip(found, expected) for key in e)


def paths_in(out: Path) -> list[str]:
    return sorted(row["path"] for path in out.glob("statistics/*.parquet") for row in pq.read_table(path).to_pylist())


def check_refusals(photos: Path, out: Path):
    first = photos / "01.png"
    begin = dict(num_cpus=1, workers=1, **F32)
    (out.parent / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no picture in .*searched for files called like one"):
        sclip.ray.segment_dataset(out.parent / "empty", WORDS, out)
    with pytest.raises(ValueError, match="shard_size is 0"):
        sclip.ray.segment_dataset(first, WORDS, out, shard_size=0)
    with pytest.raises(TypeError, match="there is no option 'prob_threshold'"):  # found where a model is
        sclip.ray.segment_dataset(first, WORDS, out, prob_threshold=1, **begin)
    assert sclip.ray.segment_dataset(first, WORDS, out, shard_size=4, **begin).photos == 1  # what was refused has begun nothing
    with pytest.raises(ValueError, match="was begun with classes 'sky; building, house; tree', and this run has 'sky'"):
        sclip.ray.segment_dataset(first, "sky", out, **begin)
    with pytest.raises(FileExistsError, match="holds .* and is no data set of sclip"):
        sclip.ray.segment_dataset(first, WORDS, photos, **begin)
    with pytest.raises(ValueError, match="was begun with precision 'f32', and this run has 'bf16'"):
        sclip.ray.segment_dataset(photos / "02.png", WORDS, out, **{**begin, "precision": "bf16"})

    # A shard that cannot be written is told of when all others are done, and is done by the next run.
    some = [photos / f"{i:02}.png" for i in range(1, 10)]
    stuck = out / "masks/05.mask.png"
    stuck.mkdir()
    with pytest.raises(RuntimeError, match=r"1 of 2 shards could not be done in 2 tries, the first of them 1 \(4 photos from .*/02.png on\): .*Is a directory.*the next run"):
        sclip.ray.segment_dataset(some, WORDS, out, shard_size=4, tries=2, **begin)
    assert paths_in(out) == [str(photos / f"{i:02}.png") for i in (1, 6, 7, 8, 9)]
    stuck.rmdir()
    summary = sclip.ray.segment_dataset(some, WORDS, out, shard_size=4, **begin)
    assert (summary.photos, summary.shards, summary.shards_before, summary.processes_lost) == (4, 1, 2, 0) and stuck.is_file()
    assert paths_in(out) == [str(path) for path in some]


def check_segmenter(photos: Path, out: Path):
    """A batch in each of Ray's formats, and a pipeline."""
    command, masks = out / "command", out / "command"
    files = [photos / "01.png", photos / "broken.jpg", photos / "02.png"]
    step = sclip.ray.Segmenter(WORDS, masks=True, together=2, **F32)
    import numpy as np
    import pandas
    import pyarrow
    by_path = {"path": np.array([str(f) for f in files], dtype=object), "number": np.arange(3)}
    batches = [by_path, pyarrow.table({k: v.tolist() for k, v in by_path.items()}), pandas.DataFrame(by_path),
               {"bytes": np.array([f.read_bytes() for f in files], dtype=object), "number": np.arange(3)}]
    for batch in batches:
        rows = step(batch).to_pylist()
        assert [row["number"] for row in rows] == [0, 1, 2] and not any("bytes" in row for row in rows)
        assert "truncated" in rows[1]["error"] and rows[1]["classes"] is rows[1]["mask"] is rows[1]["width"] is None
        for name, row in (("01", rows[0]), ("02", rows[2])):
            assert row["error"] is None and same_facts(row["classes"], command / f"{name}.result.json")
            assert row["mask"] == (masks / f"{name}.mask.png").read_bytes()
    with pytest.raises(KeyError, match="a column 'path' or 'bytes'; the columns here are x"):
        step({"x": np.arange(3)})
    with pytest.raises(ValueError, match="has 2 axes"):
        step({"path": np.array(["a"]), "x": np.zeros((1, 2))})
    with pytest.raises(ValueError, match="threshold is 7"):
        sclip.ray.Segmenter(WORDS, prob_thd=7, **F32)

    dataset = ray.data.read_binary_files(str(photos), include_paths=True).map_batches(
        sclip.ray.Segmenter, fn_constructor_kwargs={"classes": WORDS, **F32}, num_cpus=1, batch_size=8,
        compute=ray.data.ActorPoolStrategy(size=1))
    rows = {row["path"]: row for row in dataset.take_all()}
    expected = {str(p) for p in photos.rglob("*") if p.is_file()}
    assert set(rows) == expected and [path for path, row in rows.items() if row["error"]] == [str(photos / "broken.jpg")]
    assert same_facts(rows[str(photos / "01.png")]["classes"], command / "01.result.json")


def ask(url: str, body: bytes | None, method: str = "POST"):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, method=method), timeout=120) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read()


def check_serving(photos: Path, out: Path):
    from ray import serve
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    handle = serve.run(sclip.ray.deployment(WORDS, max_batch_size=4, batch_wait_s=0.1, max_body_mb=1, **F32))
    url, command = f"http://127.0.0.1:{port}/", out / "command"
    names = [f"{i:02}" for i in range(1, 9)]

    def mask(name):
        return ask(url + "?outputs=mask", (photos / f"{name}.png").read_bytes())
    with concurrent.futures.ThreadPoolExecutor(8) as clients:  # in batches, beside other words
        others = [clients.submit(ask, url + "?classes=water;sky", (photos / "01.png").read_bytes()) for _ in range(2)]
        for name, (status, kind, body) in zip(names, clients.map(mask, names)):
            assert (status, kind) == (200, "image/png") and body == (command / f"{name}.mask.png").read_bytes(), name
        for other in others:
            assert [c["name"] for c in json.loads(other.result()[2])["classes"]] == ["water", "sky"]

    photo = (photos / "01.png").read_bytes()
    status, kind, body = ask(url, photo)
    answer, result = json.loads(body), json.loads((command / "01.result.json").read_text())
    assert status == 200 and kind == "application/json" and same_facts(answer["classes"], command / "01.result.json")
    assert answer["photo"] == {key: result["photo"][key] for key in ("width", "height")}
    assert answer["model"] == {key: result["model"][key] for key in ("name", "sha256")}
    assert handle.segment.remote(photo).result() == answer
    status, kind, body = ask(url + "?outputs=overlay", photo)
    assert status == 200 and body == (command / "01.overlay.png").read_bytes()

    for query, sent, method, expected, words in (
            ("", None, "GET", 405, "POST a picture"), ("", b"", "POST", 415, "empty"), ("", b"no picture", "POST", 415, "known format"),
            ("", photo + b" " * 2**20, "POST", 413, "more than 1048576 bytes"),
            ("", b"P6 6000 6000 255\n", "POST", 413, "6000×6000 = 36000000 pixels; a photo may have 33554432"), ("?outputs=mosk", photo, "POST", 422, "mask"),
            ("?clases=a", photo, "POST", 422, "there is no field 'clases'"), ("?prob_thd=7", photo, "POST", 422, "threshold is 7"),
            ("?prob_thd=x", photo, "POST", 422, "no number"), ("?classes=%22", photo, "POST", 422, "quote"),
            ("?classes=" + "a;" * 1024, photo, "POST", 422, "more than 1024 words")):
        status, kind, body = ask(url + query, sent, method)
        assert (status, kind) == (expected, "application/json"), (query, status, body)
        assert words in json.loads(body)["error"]["message"], (query, body)
    serve.shutdown()


if __name__ == "__main__":
    ray.init(logging_level="warning", log_to_driver=False)
    globals()[f"check_{sys.argv[1]}"](Path(sys.argv[2]), Path(sys.argv[3]))
    print(sys.argv[1], "passed")
