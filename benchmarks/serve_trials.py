#!/usr/bin/env python3
"""Trials of `sclip serve` under many clients: what is right stays right, what is wrong harms nobody else, and what it takes.

usage: benchmarks/serve_trials.py load|batching|abuse|steady|overload [--requests N] [--clients N] [--model FILE]

load       requests of mixed photos, words and outputs, some given up, some read slowly: every answer must be the command's
batching   photos of one window, together against one by one, alternating: throughput and its ratio
abuse      bodies that were changed at random and inputs known to be bad, between good requests
steady     photos and words of random sizes: the memory of the process
overload   twice as many requests as can be answered: how many still are in time

The tests run the same with few requests (tests/python/test_serve_trials.py). Exit code 1: something was wrong.
"""
import argparse
import base64
import gzip
import http.client
import io
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests/python"))

from PIL import Image  # noqa: E402

import serve_support  # noqa: E402
from cli_support import run  # noqa: E402
from serve_support import TINY, command_outputs, form, found, picture, serving  # noqa: E402


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


class Clients:
    """Threads that work a list of jobs off; a job is called with its thread's own connection."""

    def __init__(self, service, count):
        self.service, self.count = service, count

    def run(self, jobs):
        waiting, lock, wrong = list(reversed(jobs)), threading.Lock(), []

        def work():
            connection = http.client.HTTPConnection(self.service.host, self.service.port, timeout=300)
            while True:
                with lock:
                    if not waiting:
                        break
                    job = waiting.pop()
                try:
                    job(connection)
                except Exception as error:  # noqa: BLE001
                    wrong.append(f"{type(error).__name__}: {error}")
                    connection.close()
            connection.close()
        threads = [threading.Thread(target=work) for _ in range(self.count)]
        begun = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.perf_counter() - begun, wrong


# --- load ---------------------------------------------------------------------------------------------------------

SIZES = [(32, 32), (48, 64), (64, 48), (200, 150), (333, 500), (1, 1), (15, 16), (320, 100), (640, 480)]
WORDS = ["sky; tree", "a; b; c", "building, house; road, street; person; sky; water", "cat; dog; horse, pony; bird; car; bus; train; boat"]
OUTPUTS = ["mask", "overlay", "rle", "scores", "json", "grey", "overlay-jpeg"]


def make_cases(folder: Path, count: int, model=TINY, seed=0):
    """(form, headers, output, what the command wrote)"""
    chance = random.Random(seed)
    cases = []
    for i in range(count):
        width, height = SIZES[i % len(SIZES)]
        photo = picture(width, height, seed=i, kind=chance.choice(["PNG", "JPEG"]))
        words, output = chance.choice(WORDS), OUTPUTS[i % len(OUTPUTS)]
        options = chance.choice([{}, {}, {"policy": "naclip"}, {"policy": "surgery"}, {"logit_scale": "20"}, {"prob_thd": "0.3"}])
        flags = [piece for key, value in options.items() for piece in ("--" + key.replace("_", "-"), value)]
        files = command_outputs(folder / f"{i}", photo, words, ",".join({output} - {"json"}) or "mask", *flags, model=model)
        body, headers = form({"classes": words, "outputs": output, **options}, photo, "photo.bin")
        cases.append((body, headers, output, files[output]))
    return cases


def is_right(output, got, expected):
    if output == "json":
        return found(got) == found(expected)
    if output == "rle":
        return json.loads(got) == json.loads(expected)
    return got == expected


def load(requests=1000, clients=64, model=TINY, seed=0, cases=36, options=()):
    """Every answer is the command's, whatever its company; none is swapped, none is lost."""
    chance = random.Random(seed)
    counts = {"right": 0, "wrong": 0, "given_up": 0, "slowly": 0}
    seconds, lock = [], threading.Lock()
    with tempfile.TemporaryDirectory() as folder:
        all_cases = make_cases(Path(folder), cases, model, seed)
    with serving("--connections", clients + 16, "-q", "--deadline-ms", 300000, "--queue-windows", 100000, *options, model=model) as service:

        def job(case, way):
            body, headers, output, expected = case

            def run(connection):
                begun = time.perf_counter()
                if way == "give up":
                    own = http.client.HTTPConnection(service.host, service.port, timeout=300)
                    own.request("POST", "/v1/segment", body, headers)
                    time.sleep(0.002 * (len(body) % 7))
                    own.close()
                    with lock:
                        counts["given_up"] += 1
                    return
                connection.request("POST", "/v1/segment", body, headers)
                answer = connection.getresponse()
                if way == "slowly":
                    got = b""
                    while piece := answer.read(16384):
                        got += piece
                        time.sleep(0.01)
                else:
                    got = answer.read()
                right = answer.status == 200 and is_right(output, got, expected)
                with lock:
                    counts["right" if right else "wrong"] += 1
                    counts["slowly"] += way == "slowly"
                    if way == "":
                        seconds.append(time.perf_counter() - begun)
                assert right, f"{output}: {answer.status} {got[:200]!r}"
            return run
        jobs = [job(chance.choice(all_cases), chance.choices(["", "give up", "slowly"], [85, 10, 5])[0]) for _ in range(requests)]
        took, wrong = Clients(service, clients).run(jobs)
        end = time.time() + 30
        while time.time() < end and service.metrics()["sclip_windows_let_in"] > 0:
            time.sleep(0.05)
        metrics = service.metrics()
    counts["lost"] = requests - counts["right"] - counts["wrong"] - counts["given_up"]
    batches = metrics["sclip_batch_requests_count"]
    return {"requests": requests, "clients": clients, **counts, "errors": wrong[:5], "left_in_queue": metrics["sclip_windows_let_in"],
            "p50_ms": 1e3 * percentile(seconds, 0.5), "p99_ms": 1e3 * percentile(seconds, 0.99), "requests_a_second": requests / took,
            "requests_a_batch": metrics["sclip_batch_requests_sum"] / max(1, batches),
            "cancelled_by_client": metrics['sclip_cancelled_total{why="client"}'],
            "ok": not wrong and counts["wrong"] == 0 and counts["lost"] == 0 and metrics["sclip_windows_let_in"] == 0}


# --- batching -------------------------------------------------------------------------------------------------------

def batching(requests=300, clients=16, model=None, rounds=3, size=(112, 112), options=()):
    """Photos of one window: throughput with batches of up to 16 windows against one by one, in turns."""
    model = model or serve_support.DEMO_MODEL
    body, headers = form({"classes": "sky; tree; person", "outputs": "rle", "short_side": "112", "crop": "112"}, picture(*size, kind="JPEG"))
    rates = {"together": [], "one by one": []}
    sizes = []
    with serving("-q", "--max-batch-windows", 16, *options, model=model) as together, serving("-q", "--max-batch-windows", 1, *options, model=model) as singly:
        for round_ in range(rounds + 1):
            for name, service in (("together", together), ("one by one", singly)):
                def job(connection):
                    connection.request("POST", "/v1/segment", body, headers)
                    answer = connection.getresponse()
                    assert answer.status == 200, answer.read()
                    answer.read()
                took, wrong = Clients(service, clients).run([job] * requests)
                assert not wrong, wrong[:3]
                if round_ > 0:  # the first one warms up
                    rates[name].append(requests / took)
        metrics = together.metrics()
        sizes = metrics["sclip_batch_windows_sum"] / metrics["sclip_batch_windows_count"]
        compute = {name: s.metrics()["sclip_batch_seconds_sum"] / s.metrics()["sclip_windows_total"] for name, s in (("together", together), ("one by one", singly))}
    medians = {name: statistics.median(all_) for name, all_ in rates.items()}
    ratio = medians["together"] / medians["one by one"]
    return {"clients": clients, "windows_a_batch": sizes, "together_a_second": medians["together"], "one_by_one_a_second": medians["one by one"],
            "ratio": ratio, "compute_ms_a_window_together": 1e3 * compute["together"],
            "compute_ms_a_window_one_by_one": 1e3 * compute["one by one"], "ok": ratio > 1}


# --- abuse ----------------------------------------------------------------------------------------------------------

def png_of_size(width, height):
    import struct
    import zlib
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))  # noqa: E731
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def bad_photos():
    """Inputs on which services have died elsewhere: (name, bytes)."""
    good_png, good_jpeg = picture(64, 48), picture(64, 48, kind="JPEG")
    webp = io.BytesIO()
    Image.open(io.BytesIO(good_png)).save(webp, "WEBP")
    out = [("empty", b""), ("one byte", b"\xff"), ("html", b"<!doctype html><title>404</title>"), ("wav", b"RIFF\x24\0\0\0WAVEfmt "), ("gif of nothing", b"GIF89a"),
           ("zip", b"PK\3\4" + b"\0" * 100), ("gzip", gzip.compress(good_png)), ("60000 x 60000", png_of_size(60000, 60000)), ("65535 x 1", png_of_size(65535, 1)),
           ("0 x 10", png_of_size(0, 10)), ("2^31 x 2^31", png_of_size(2 ** 31 - 1, 2 ** 31 - 1))]
    for name, whole in (("png", good_png), ("jpeg", good_jpeg), ("webp", webp.getvalue())):
        for share in (0.25, 0.5, 0.9):
            out.append((f"{name} cut at {share}", whole[:int(share * len(whole))]))
        out.append((f"{name} without its last bytes", whole[:-2] if name == "jpeg" else whole[:-20]))
    at = good_jpeg.find(b"\xff\xc0")
    out.append(("jpeg that says 8000 x 8000", good_jpeg[:at + 5] + b"\x1f\x40\x1f\x40" + good_jpeg[at + 9:]))
    out.append(("jpeg of 65535 x 65535", good_jpeg[:at + 5] + b"\xff\xff\xff\xff" + good_jpeg[at + 9:]))
    return out


def judged(path: Path, folder: Path, model=TINY):
    """A file as the command judges it: (name, bytes, the mask that it writes, or None where it refuses)."""
    done = run("segment", path, "--model", model, "--precision", "f32", "--no-cache", "-c", "a; b", "--outputs", "mask", "-o", folder, "-q")
    return str(path), path.read_bytes(), (folder / "mask.png").read_bytes() if done.code == 0 else None


def mutated(chance, body):
    data = bytearray(body)
    for _ in range(chance.choice([1, 1, 2, 8, 40])):
        way, at = chance.randrange(6), chance.randrange(len(data) + 1)
        if way == 0 and at < len(data):
            data[at] = chance.randrange(256)
        elif way == 1:
            data[at:at] = bytes(chance.randrange(256) for _ in range(chance.choice([1, 4, 100])))
        elif way == 2:
            del data[at:at + chance.choice([1, 4, 100, 2000])]
        elif way == 3:
            piece = data[at:at + chance.randrange(200)]
            other = chance.randrange(len(data) + 1)
            data[other:other] = piece
        elif way == 4:
            data[at:at] = chance.choice([b"\r\n", b"--", b'"', b"\0", b"\xff\xfe", b"%s", b"[[[[[[", b"{}", b"-1", b"1e999", b"9" * 30, "é".encode(), b"Content-Length: 5\r\n"])
        else:
            del data[at:]
        if not data:
            break
    return bytes(data)


def seeds():
    """Good requests: (path, body, headers)."""
    png, jpeg = picture(33, 21), picture(40, 30, kind="JPEG")
    multi = form({"classes": "sky; building, house", "outputs": "mask", "prob_thd": "0.1", "templates": ["a {}", "b {}"]}, png)
    as_json = json.dumps({"photo": base64.b64encode(jpeg).decode(), "classes": ["a", ["b", "c"]], "outputs": "rle,mask", "ignore_label": 255, "prob_thd": 0.5}).encode()
    tensors = {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 4 + len(jpeg)}},
                          {"name": "words", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]}], "outputs": [{"name": "mask", "parameters": {"binary_data": True}}]}
    text = json.dumps(tensors).encode()
    return [("/v1/segment", *multi), ("/v1/segment", as_json, {"Content-Type": "application/json"}),
            ("/v1/segment?classes=a;b", jpeg, {"Content-Type": "image/jpeg"}), ("/v1/features", *form({"policy": "naclip"}, jpeg)),
            ("/v1/classify", *form({"classes": "a; b; c", "top": "2"}, png)), ("/v1/embed", json.dumps({"texts": ["a", "b"]}).encode(), {"Content-Type": "application/json"}),
            ("/v1/banks", json.dumps({"name": "x", "classes": "a, b; c"}).encode(), {"Content-Type": "application/json"}),
            ("/v2/models/sclip/infer", text + len(jpeg).to_bytes(4, "little") + jpeg, {"Inference-Header-Content-Length": str(len(text))})]


def abuse(requests=10000, clients=8, model=TINY, seed=0, options=(), patience=300, photos=()):
    """4xx for what is bad, alone; good requests between them get their answer; the process lives. `photos`: files that the service
    must judge as the command does."""
    chance = random.Random(seed)
    good_photo = picture(64, 48, seed=99)
    good, good_headers = form({"classes": "sky; tree", "outputs": "mask"}, good_photo)
    sources = seeds()
    statuses, lock, wrong = {}, threading.Lock(), []
    with serving("-q", "--deadline-ms", 120000, "--queue-windows", 100000, *options, model=model) as service:
        first = service.ask("POST", "/v1/segment", good, good_headers, timeout=patience)
        assert first.status == 200
        for path, body, headers in sources:
            answer = service.ask("POST", path, body, headers, timeout=patience)
            assert answer.status < 300, (path, answer.status, answer.body[:300])

        def check_good(connection):
            answer = service.ask("POST", "/v1/segment", good, good_headers, connection=connection, timeout=patience)
            if answer.status != 200 or answer.body != first.body:
                wrong.append(f"a good request got {answer.status}: {answer.body[:200]!r}")

        def bad(path, body, headers, name):
            def run(connection):
                answer = service.ask("POST", path, body, headers, connection=connection, timeout=patience)
                with lock:
                    statuses[answer.status] = statuses.get(answer.status, 0) + 1
                if answer.status >= 500 or (name and not 400 <= answer.status < 500):
                    wrong.append(f"{name or path}: {answer.status} {answer.body[:300]!r}")
            return run
        jobs = []
        for name, photo, mask in photos:
            def as_the_command(connection, name=name, photo=photo, mask=mask):
                answer = service.ask("POST", "/v1/segment", *form({"classes": "a; b", "outputs": "mask"}, photo), connection=connection, timeout=patience)
                if (answer.status, answer.body) != (200, mask) if mask is not None else not 400 <= answer.status < 500:
                    wrong.append(f"{name}: {answer.status} {answer.body[:300]!r}")
            jobs += [as_the_command, check_good]
        for name, photo in bad_photos():
            jobs += [bad("/v1/segment", *form({"classes": "a; b"}, photo), "" if name in ("65535 x 1",) else name), check_good]
        for i in range(requests):
            path, body, headers = chance.choice(sources)
            jobs.append(bad(path, mutated(chance, body), headers, ""))
            if i % 10 == 0:
                jobs.append(check_good)
        took, failed = Clients(service, clients).run(jobs)
        wrong += failed
        last = service.ask("POST", "/v1/segment", good, good_headers, timeout=patience)
        ready = service.ask("GET", "/readyz").status
        alive = service.process.poll() is None and last.body == first.body and ready == 200
    return {"bad_requests": len(jobs), "seconds": took, "statuses": dict(sorted(statuses.items())), "judged_as_the_command": len(photos), "wrong": wrong[:5], "alive": alive, "ok": alive and not wrong}


# --- steady ---------------------------------------------------------------------------------------------------------

def steady(requests=5000, clients=4, model=None, seed=0, warm=500, options=()):
    """Memory over requests of random sizes and word counts: after the first 500 within ± 2%, at the end 1% above the start at most, and less after trim."""
    chance = random.Random(seed)
    model = model or serve_support.DEMO_MODEL
    sizes = {} if Path(model).resolve() == TINY.resolve() else {"short_side": "80", "crop": "80"}  # few windows of many sizes: it is memory that is looked at
    bodies = []
    for i in range(64):
        words = "; ".join(f"word {chance.randrange(10 ** 6)}" for _ in range(chance.randrange(1, 20)))
        bodies.append(form({"classes": words, "templates": "none", "outputs": chance.choice(["mask", "overlay", "json", "scores"]), **sizes},
                           picture(chance.randrange(16, 600), chance.randrange(16, 600), seed=i, kind="JPEG")))
    samples = []
    with serving("-q", "--deadline-ms", 120000, *options, model=model) as service:

        def job(body, headers):
            def run(connection):
                answer = service.ask("POST", "/v1/segment", body, headers, connection=connection)
                assert answer.status == 200, answer.body[:200]
            return run
        done = 0
        while done < requests:
            step = min(100, requests - done)
            _, wrong = Clients(service, clients).run([job(*chance.choice(bodies)) for _ in range(step)])
            assert not wrong, wrong[:3]
            done += step
            samples.append((done, service.metrics()["sclip_resident_memory_bytes"]))
        trimmed = service.ask("POST", "/v1/trim").json["resident_memory_bytes"]
        time.sleep(1)
        trimmed = min(trimmed, service.metrics()["sclip_resident_memory_bytes"])
    later = [rss for n, rss in samples if n > warm]
    middle = statistics.median(later)
    spread = max(abs(rss - middle) for rss in later) / middle
    fifth = max(1, len(later) // 5)
    growth = statistics.median(later[-fifth:]) / statistics.median(later[:fifth]) - 1
    return {"requests": requests, "mb_at_first": samples[0][1] / 1e6, "mb": middle / 1e6, "spread": spread, "growth": growth, "mb_after_trim": trimmed / 1e6,
            "mb_over_time": [round(rss / 1e6, 1) for _, rss in samples], "ok": spread <= 0.02 and growth <= 0.01 and trimmed <= middle}


# --- overload -------------------------------------------------------------------------------------------------------

def overload(requests=400, clients=8, model=None, deadline_ms=2000, options=()):
    """Twice as many requests as can be answered: goodput against the most that there is, and the time of those let in."""
    model = model or serve_support.DEMO_MODEL
    photo = picture(500, 375, kind="JPEG")
    body, headers = form({"classes": "sky; tree; person", "outputs": "rle"}, photo)
    with serving("-q", "--deadline-ms", deadline_ms, "--connections", 512, *options, model=model) as service:

        def ask(connection):
            begun = time.perf_counter()
            connection.request("POST", "/v1/segment", body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, time.perf_counter() - begun
        Clients(service, clients).run([ask] * 20)
        took, wrong = Clients(service, clients).run([ask] * requests)
        assert not wrong, wrong[:3]
        most = requests / took
        outcomes, lock, threads = [], threading.Lock(), []

        def one():
            connection = http.client.HTTPConnection(service.host, service.port, timeout=60)
            try:
                outcome = ask(connection)
            except OSError as error:
                outcome = (f"{type(error).__name__}", 0)
            finally:
                connection.close()
            with lock:
                outcomes.append(outcome)
        begun = time.perf_counter()
        for i in range(2 * requests):
            wait = begun + i / (2 * most) - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            thread = threading.Thread(target=one)
            thread.start()
            threads.append(thread)
        offered = 2 * requests / (time.perf_counter() - begun)
        for thread in threads:
            thread.join()
        took = time.perf_counter() - begun
    accepted = [seconds for status, seconds in outcomes if status == 200]
    statuses = {}
    for status, _ in outcomes:
        statuses[status] = statuses.get(status, 0) + 1
    goodput, p99 = len(accepted) / took, percentile(accepted, 0.99)
    return {"most_a_second": most, "offered_a_second": offered, "goodput_a_second": goodput, "share_of_most": goodput / most, "statuses": statuses,
            "accepted_p50_ms": 1e3 * percentile(accepted, 0.5), "accepted_p99_ms": 1e3 * p99, "deadline_ms": deadline_ms,
            "ok": goodput >= 0.9 * most and 1e3 * p99 < deadline_ms and set(statuses) <= {200, 429}}


TRIALS = {"load": load, "batching": batching, "abuse": abuse, "steady": steady, "overload": overload}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trial", choices=TRIALS)
    parser.add_argument("--requests", type=int)
    parser.add_argument("--clients", type=int)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--photos", type=Path, help="abuse: a folder of files that the service must judge as the command does")
    parser.add_argument("--option", action="append", default=[], help="of sclip serve: --option=--sessions=2")
    arguments = parser.parse_args()
    wishes = {name: value for name in ("requests", "clients", "model") if (value := getattr(arguments, name)) is not None}
    if arguments.photos:
        with tempfile.TemporaryDirectory() as folder:
            wishes["photos"] = [judged(p, Path(folder) / str(i)) for i, p in enumerate(sorted(arguments.photos.rglob("*"))) if p.is_file()]
    report = TRIALS[arguments.trial](**wishes, options=arguments.option)
    print(json.dumps({key: round(value, 3) if isinstance(value, float) else value for key, value in report.items()}, indent=1))
    return 0 if report["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
