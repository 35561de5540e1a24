"""Clients that are slow, rude, or too many; photos that are too large: each hears of it, and nobody else does."""
import socket
import threading
import time

import pytest
from cli_support import pytestmark  # noqa: F401
from serve_support import form, picture, serving, settled

WORDS = {"classes": "sky; tree"}


def test_a_client_that_sends_byte_by_byte_is_closed():
    with serving("--header-timeout", 1, "--client-timeout", 1) as service:
        slow = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(40)]
        body, headers = form(WORDS, picture(64, 48))
        half = b"POST /v1/segment HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nContent-Type: %s\r\n\r\n" % (len(body), headers["Content-Type"].encode()) + body[:-200]
        for i, s in enumerate(slow):
            s.sendall(b"GET /healthz HT" if i % 2 else half)
        begun, closed = time.time(), set()
        while len(closed) < len(slow) and time.time() - begun < 20:
            assert service.post("/v1/segment", WORDS, picture(64, 48)).status == 200  # others are answered
            for i, s in enumerate(slow):
                if i in closed:
                    continue
                try:
                    s.sendall(b"T")
                    s.settimeout(0.01)
                    if s.recv(4096) == b"" or i % 2 == 0:
                        closed.add(i)
                except TimeoutError:
                    pass
                except OSError:
                    closed.add(i)
            time.sleep(0.2)
        assert len(closed) == len(slow)
        for s in slow:
            s.close()
        assert settled(service, "sclip_slow_clients_total", len(slow))


def test_an_upload_that_stops_is_told_and_forgotten():
    with serving("--client-timeout", 1) as service:
        body, headers = form(WORDS, picture(64, 48))
        head = f"POST /v1/segment HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nContent-Type: {headers['Content-Type']}\r\n\r\n".encode()
        answer = service.raw(head + body[:100])
        assert b" 408 " in answer.split(b"\r\n")[0] and b"too_slow" in answer
        with socket.create_connection(("127.0.0.1", service.port)) as s:
            s.sendall(head + body[:100])
        assert settled(service, "sclip_request_memory_bytes", 0)


def test_a_large_body_is_refused_before_it_is_read():
    with serving("--max-body-mb", 1) as service:
        def head(length):
            return f"POST /v1/segment HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {length}\r\n\r\n".encode()
        begun = time.time()
        answer = service.raw(head(100 << 20) + b"x" * 1000, timeout=5)
        assert b" 413 " in answer.split(b"\r\n")[0] and b"--max-body-mb" in answer and time.time() - begun < 4
        whole = service.ask("POST", "/v1/segment", b"x" * (100 << 20), {"Content-Type": "image/png"})
        assert whole.status == 413
        chunked = service.ask("POST", "/v1/segment", iter([b"x" * 65536] * 40), {"Content-Type": "image/png"})
        assert chunked.status == 413
        import gzip
        bomb = service.ask("POST", "/v1/segment", gzip.compress(b"\0" * (64 << 20)), {"Content-Type": "image/png", "Content-Encoding": "gzip"})
        assert bomb.status == 413
        assert service.post("/v1/segment", WORDS, picture(64, 48)).status == 200


@pytest.mark.parametrize("request_", [
    b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 
    b"POST /v1/segment HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"POST /v1/segment HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST /v1/segment HTTP/1.1\r\nContent-Length: -5\r\n\r\nhello", b"POST /v1/segment HTTP/1.1\r\nContent-Length: 0x5\r\n\r\nhello",
    b"POST /v1/segment HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nhello", b"POST /v1/segment HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    b"GET /healthz HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (i, b"y" * 1000) for i in range(400)) + b"\r\n",
    b"GET /" + b"a" * 200000 + b" HTTP/1.1\r\n\r\n"])
def test_what_is_no_http_gets_an_error_or_nothing(service, request_):
    answer = service.raw(request_, timeout=3)
    assert answer == b"" or answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4")), answer[:200]
    assert service.ask("GET", "/healthz").status == 200


@pytest.fixture(scope="module")
def service(sclip):
    with serving("--header-timeout", 1) as running:
        yield running


def test_requests_behind_each_other_on_one_connection(service):
    """What follows an unread body is not read as a request."""
    smuggled = b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = service.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(smuggled) + smuggled)
    assert answer.count(b"HTTP/1.1 200") == 1 and b"sclip_" not in answer
    two = service.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert two.count(b'"alive"') == 2
    assert service.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\nRange: bytes=0-1\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("width, height", [(1, 1), (1, 3), (3, 1), (2, 2), (15, 15), (16, 16), (1, 2000), (400, 800), (800, 400), (2049, 336), (336, 2049)])
def test_odd_sizes_between_good_requests(service, width, height):
    import json
    good = service.post("/v1/segment", WORDS, picture(64, 48))
    answer = service.post("/v1/segment", WORDS, picture(width, height))
    assert answer.status in (200, 422), answer.body
    if answer.status == 200:
        result = json.loads(answer.body)
        assert (result["photo"]["width"], result["photo"]["height"]) == (width, height)
    else:
        assert "patch" in answer.error["message"]
    assert service.post("/v1/segment", WORDS, picture(64, 48)).json["classes"] == good.json["classes"]


def test_pixels_are_limited():
    with serving("--max-pixels", 10000) as service:
        assert service.post("/v1/segment", WORDS, picture(100, 100)).status == 200
        answer = service.post("/v1/segment", WORDS, picture(100, 101))
        assert answer.status == 413 and "--max-pixels" in answer.error["message"] and "100×101" in answer.error["message"]
        for path in ("/v1/features", "/v1/classify", "/v1/embed"):
            fields = WORDS if path == "/v1/classify" else {}
            assert service.post(path, fields, picture(100, 101)).status == 413


def test_memory_is_limited():
    with serving("--memory-limit", 16, "--max-body-mb", 64) as service:
        answer = service.post("/v1/segment", WORDS, picture(2000, 1500, kind="JPEG"))
        assert answer.status == 413 and "--memory-limit" in answer.error["message"]
        assert service.post("/v1/segment", WORDS, picture(64, 48)).status == 200
        assert settled(service, "sclip_request_memory_bytes", 0)


def test_logits_are_limited():
    with serving("--max-answer-mb", 1) as service:
        assert service.post("/v1/segment", {**WORDS, "outputs": "logits"}, picture(300, 300)).status == 200
        answer = service.post("/v1/segment", {**WORDS, "outputs": "logits"}, picture(600, 300))
        assert answer.status == 413 and "--max-answer-mb" in answer.error["message"]


def many(service, count, fields, photo):
    answers = [None] * count

    def ask(i):
        answers[i] = service.post("/v1/segment", fields, photo)
    threads = [threading.Thread(target=ask, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_a_full_queue_says_when_to_come_again():
    photo = picture(500, 375)
    fields = {**WORDS, "short_side": "256"}
    with serving("--queue-windows", 1) as service:
        answers = many(service, 12, fields, photo)
        refused = [a for a in answers if a.status == 429]
        assert refused and any(a.status == 200 for a in answers) and len(refused) + sum(a.status == 200 for a in answers) == 12
        for answer in refused:
            assert answer.error["code"] == "too_many_requests" and 1 <= int(answer.headers["retry-after"]) <= 60
        assert service.metrics()['sclip_refused_total{why="queue"}'] == len(refused)
        assert service.post("/v1/segment", WORDS, picture(64, 48)).status == 200


def test_a_deadline_ends_what_takes_too_long():
    with serving("--deadline-ms", 400) as service:
        slow = {**WORDS, "short_side": "96", "refine": "pamr", "refine_iterations": "1000"}
        begun = time.time()
        answer = service.post("/v1/segment", slow, picture(3000, 2000, kind="JPEG"))
        assert answer.status == 504 and answer.error["code"] == "deadline" and time.time() - begun < 10
        assert service.metrics()['sclip_cancelled_total{why="deadline"}'] == 1
    with serving() as service:
        assert service.post("/v1/segment", {**slow, "deadline_ms": "50"}, picture(3000, 2000, kind="JPEG")).status == 504
        assert service.post("/v1/segment", {**WORDS, "deadline_ms": "20000"}, picture(64, 48)).status == 200


def test_a_client_that_goes_frees_its_place():
    slow = {**WORDS, "short_side": "96", "refine": "pamr", "refine_iterations": "1000"}
    body, headers = form(slow, picture(2000, 1500, kind="JPEG"))
    with serving("--queue-windows", 100000) as service:
        head = f"POST /v1/segment HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nContent-Type: {headers['Content-Type']}\r\n\r\n".encode()
        clients = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(6)]
        for client in clients:
            client.sendall(head + body)
        end = time.time() + 20
        while service.metrics()["sclip_windows_let_in"] == 0 and time.time() < end:
            time.sleep(0.02)
        for client in clients:
            client.close()
        assert settled(service, "sclip_windows_let_in", 0)
        assert settled(service, 'sclip_cancelled_total{why="client"}', 6)
        begun = time.time()
        assert service.post("/v1/segment", WORDS, picture(64, 48)).status == 200
        assert time.time() - begun < 10


def test_connections_are_limited():
    with serving("--connections", 4, "--header-timeout", 5) as service:
        held = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(4)]
        time.sleep(0.3)
        answer = service.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", timeout=3)
        assert answer.startswith(b"HTTP/1.1 503") and b"too_many_connections" in answer
        length = int(answer.split(b"Content-Length: ")[1].split(b"\r\n")[0])
        assert len(answer.split(b"\r\n\r\n", 1)[1]) == length
        for s in held:
            s.close()
        time.sleep(0.3)
        assert service.ask("GET", "/healthz").status == 200


@pytest.mark.parametrize("delay_ms", [300, 0])  # without a delay most of the clients are not taken yet when the door closes
def test_sigterm_under_load_loses_nothing_that_was_accepted(delay_ms):
    import signal
    body, headers = form({**WORDS, "outputs": "mask"}, picture(200, 150))
    head = f"POST /v1/segment HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\nContent-Type: {headers['Content-Type']}\r\n\r\n".encode()
    with serving("--drain-delay-ms", delay_ms) as service:
        expected = service.ask("POST", "/v1/segment", body, headers).body
        clients = [socket.create_connection(("127.0.0.1", service.port), timeout=60) for _ in range(40)]
        for client in clients:
            client.sendall(head + body)
        service.process.send_signal(signal.SIGTERM)
        for client in clients:
            got = b""
            while piece := client.recv(65536):
                got += piece
            assert got.startswith(b"HTTP/1.1 200") and got.endswith(expected)
            client.close()
        assert service.process.wait(20) == 0


def test_small_photos_do_not_wait_for_all_large_ones():
    large_fields, small_fields = {**WORDS, "short_side": "256", "stride": "16"}, WORDS
    large, small = picture(400, 300), picture(40, 40)
    with serving("--queue-windows", 100000, "--max-windows", 100000) as service:
        alone = min(_timed(service, small_fields, small) for _ in range(3))
        one_large = _timed(service, large_fields, large)
        done = []
        threads = [threading.Thread(target=lambda: done.append(_timed(service, large_fields, large))) for _ in range(10)]
        for thread in threads:
            thread.start()
        time.sleep(2 * one_large)
        took = _timed(service, small_fields, small)
        for thread in threads:
            thread.join()
        # It waits for the call that is computed, and no more than another one.
        assert took < alone + 4 * one_large and took < 0.6 * max(done), (alone, one_large, took, max(done))


def _timed(service, fields, photo):
    begun = time.time()
    assert service.post("/v1/segment", fields, photo).status == 200
    return time.time() - begun
