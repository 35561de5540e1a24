"""`sclip serve` as a service: health, metrics, the document, errors, tokens, logs, TLS, and how it starts and ends."""
import http.client
import json
import re
import shutil
import signal
import ssl
import subprocess
import time

import pytest
from cli_support import ROOT, fail, pytestmark  # noqa: F401
from serve_support import picture, serving, settled

TOKEN = "a-token-of-enough-characters"


@pytest.fixture(scope="module")
def service(sclip):
    with serving() as running:
        yield running


def test_it_is_alive_and_ready_and_says_on_what(service):
    assert service.ask("GET", "/healthz").json == {"status": "alive"}
    ready = service.ask("GET", "/readyz")
    assert ready.status == 200
    assert ready.json["status"] == "ready" and ready.json["device"] == "cpu" and ready.json["precision"] == "f32"
    assert ready.json["model"] == "tiny-random" and "threads" in ready.json["description"]


def test_the_page_is_served_once(service):
    page = service.ask("GET", "/")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html") and b"<html" in page.body
    again = service.ask("GET", "/", headers={"If-None-Match": page.headers["etag"]})
    assert again.status == 304 and again.body == b""
    kinds = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
    parts = [path for path in (ROOT / "server/page").iterdir() if path.name not in ("index.html", "README.md")]
    assert {"page.css", "page.js"} <= {path.name for path in parts}
    for path in parts:
        file = service.ask("GET", f"/{path.name}")
        assert file.status == 200 and file.body == path.read_bytes() and file.headers["content-type"].startswith(kinds[path.suffix])
        assert file.headers["etag"] != page.headers["etag"]
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_head_is_get_without_a_body(service):
    head = service.ask("HEAD", "/healthz")
    assert head.status == 200 and head.body == b"" and int(head.headers["content-length"]) > 0


@pytest.mark.parametrize("method, path, status", [
    ("GET", "/nothing", 404), ("GET", "/v1/segment", 405), ("PUT", "/v1/segment", 405), ("PATCH", "/healthz", 405), ("TRACE", "/healthz", 405),
    ("OPTIONS", "/healthz", 405), ("QUERY", "/healthz", 405), ("DELETE", "/v1/features/unknown", 404), ("GET", "/v1/banks/unknown", 404), ("GET", "/../../etc/passwd", 404),
    ("GET", "/" + "x" * 9000, 414)])
def test_what_is_not_served_is_said(service, method, path, status):
    answer = service.ask(method, path)
    assert answer.status == status
    if method != "HEAD":
        assert answer.error["code"]
    if status == 405:
        assert answer.headers["allow"]


def test_requests_can_be_found_again(service):
    answer = service.ask("GET", "/healthz", headers={"X-Request-Id": "mine.1", "traceparent": f"00-{'a1' * 16}-{'b2' * 8}-01"})
    assert answer.headers["x-request-id"] == "mine.1"
    line = service.logged("mine.1")
    assert line["trace_id"] == "a1" * 16 and line["parent_id"] == "b2" * 8
    assert (line["event"], line["method"], line["path"], line["status"], line["client"]) == ("request", "GET", "/healthz", 200, "127.0.0.1")
    assert line["ms"] >= 0 and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    made = service.ask("GET", "/healthz", headers={"X-Request-Id": "not\ta fit one"}).headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{16}", made) and service.logged(made)["status"] == 200


def test_the_log_tells_what_a_photo_took(service):
    answer = service.post("/v1/segment", {"classes": "a; b"}, picture(64, 48), {"X-Request-Id": "photo-1"})
    assert answer.status == 200
    line = service.logged("photo-1")
    assert line["windows"] >= 1 and line["batch_windows"] >= line["windows"] and line["queue_ms"] >= 0 and line["compute_ms"] > 0
    assert line["bytes_in"] > 100 and line["bytes_out"] == len(answer.body)


def test_metrics_count(service):
    before = service.metrics()
    service.post("/v1/segment", {"classes": "a; b"}, picture(64, 48))
    service.post("/v1/segment", {"classes": "a; b"}, b"no photo")
    refused = 'sclip_requests_total{route="/v1/segment",status="415"}'
    seconds = 'sclip_request_seconds_count{route="/v1/segment"}'
    assert settled(service, seconds, before.get(seconds, 0) + 2)  # it is counted last
    after = service.metrics()

    def more(name):
        return after[name] - before.get(name, 0)
    assert more('sclip_requests_total{route="/v1/segment",status="200"}') == 1
    assert more(refused) == 1
    assert more("sclip_queue_seconds_count") == 1 and more("sclip_batch_windows_count") == 1 and more("sclip_windows_total") >= 1
    for stage in ("decode", "encode", "merge", "write"):
        assert more(f'sclip_stage_seconds_count{{stage="{stage}"}}') == 1, stage
    assert 10e6 < after["sclip_resident_memory_bytes"] < 2e9 and after["sclip_ready"] == 1
    assert settled(service, "sclip_request_memory_bytes", 0)
    assert any(name.startswith("sclip_info{") and 'precision="f32"' in name for name in after)


def test_the_document_lists_every_route(service):
    document = service.ask("GET", "/openapi.json").json
    assert document["openapi"].startswith("3.1")
    for path in ("/v1/segment", "/v1/features", "/v1/embed", "/v1/classify", "/v1/banks", "/v2/models/sclip/infer", "/metrics", "/healthz", "/readyz"):
        assert path in document["paths"], path
    segment = document["paths"]["/v1/segment"]["post"]
    assert set(segment["requestBody"]["content"]) == {"multipart/form-data", "application/json", "image/*"}
    assert {"200", "400", "413", "415", "422", "429", "503", "504"} <= set(segment["responses"])
    properties = segment["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert properties["prob_thd"]["maximum"] == 1 and "pamr" in properties["refine"]["enum"]


def test_trim_gives_memory_back(service):
    kept = service.post("/v1/features", {}, picture(300, 200)).json["id"]
    assert service.metrics()["sclip_features"] >= 1
    assert service.ask("POST", "/v1/trim").json["resident_memory_bytes"] > 0
    after = service.metrics()
    assert after["sclip_features"] == 0 and after["sclip_banks"] == 0
    assert service.post("/v1/segment", {"features": kept, "classes": "a; b"}).error["code"] == "no_features"


def test_a_token_is_wanted_where_there_is_one(tmp_path):
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    with serving("--token-file", file) as service:
        for path in ("/healthz", "/readyz", "/", "/openapi.json"):
            assert service.ask("GET", path).status == 200, path
        for wrong in (None, "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN, "Bearer"):
            headers = {"Authorization": wrong} if wrong else {}
            for method, path in (("GET", "/metrics"), ("POST", "/v1/segment"), ("GET", "/v1/banks"), ("POST", "/v1/trim")):
                answer = service.ask(method, path, headers=headers)
                assert answer.status == 401 and answer.headers["www-authenticate"] == "Bearer", (wrong, path)
        service.token = TOKEN
        assert service.ask("GET", "/v1/banks").status == 200
        assert service.post("/v1/segment", {"classes": "a; b"}, picture(32, 32)).status == 200
        assert service.ask("GET", "/openapi.json").json["security"] == [{"token": []}]


def test_a_start_that_cannot_be_is_one_line(tmp_path):
    (tmp_path / "short").write_text("short\n")
    assert "16 or more" in fail("serve", "--model", ROOT / "tests/data/goldens/tiny.sclip", "--token-file", tmp_path / "short")
    assert "--tls-key" in fail("serve", "--tls-certificate", "x.pem")
    assert "no-such.sclip" in fail("serve", "--model", tmp_path / "no-such.sclip")
    with serving() as service:
        line = fail("serve", "--model", ROOT / "tests/data/goldens/tiny.sclip", "--port", service.port)
        assert f"port {service.port}" in line and "in use" in line


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
def test_tls(tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem", "-days", "1",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    with serving("--tls-certificate", tmp_path / "cert.pem", "--tls-key", tmp_path / "key.pem") as service:
        context = ssl.create_default_context(cafile=tmp_path / "cert.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", service.port, context=context, timeout=30)
        photo = picture(700, 500)
        answers = [service.post("/v1/segment", {"classes": "a; b", "outputs": "overlay"}, photo, connection=connection) for _ in range(3)]
        assert [a.status for a in answers] == [200] * 3 and answers[0].body == answers[2].body and len(answers[0].body) > 100_000
        connection.close()
        assert service.raw(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", timeout=5)[:4] != b"HTTP"
    assert "cannot be used" in fail("serve", "--model", ROOT / "tests/data/goldens/tiny.sclip", "--tls-certificate", tmp_path / "key.pem", "--tls-key",
                                    tmp_path / "key.pem")


def test_it_drains_at_sigterm():
    with serving("--drain-delay-ms", 1500) as service:
        idle = http.client.HTTPConnection("127.0.0.1", service.port, timeout=10)
        assert service.ask("GET", "/healthz", connection=idle).status == 200
        service.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        ready = service.ask("GET", "/readyz")
        assert ready.status == 503 and ready.json["status"] == "draining"
        assert service.ask("GET", "/healthz").status == 200  # a balancer has time to see it
        assert service.post("/v1/segment", {"classes": "a; b"}, picture(32, 32)).status == 200
        begun = time.time()
        assert service.process.wait(20) == 0
        assert time.time() - begun < 10  # an idle connection keeps nobody
    events = [line["event"] for line in service.lines()]
    assert events[0] == "listening" and events[-1] == "drained" and "draining" in events


def test_logs_that_cannot_be_written_cost_nothing():
    with open("/dev/full", "wb") as full, serving(stderr=full) as service:
        for _ in range(20):
            assert service.post("/v1/segment", {"classes": "a; b"}, picture(32, 32)).status == 200
        assert settled(service, "sclip_log_lines_lost", least=20)


def test_quiet_logs_nothing():
    with serving("-q") as service:
        assert service.ask("GET", "/healthz").status == 200
    assert service.log == []


def test_the_dashboard_shows_series_that_there_are(service):
    service.post("/v1/segment", {"classes": "a; b"}, picture(32, 32))
    text = service.ask("GET", "/metrics").body.decode()
    known = set(re.findall(r"^# TYPE (\w+)", text, re.M))
    dashboard = json.loads((ROOT / "packaging/grafana/sclip.json").read_text())
    used = set(re.findall(r"\bsclip_\w+", json.dumps([target["expr"] for panel in dashboard["panels"] for target in panel["targets"]])))
    assert len(used) >= 12
    for name in used:
        assert name in known or re.sub(r"_(bucket|sum|count)$", "", name) in known, name


def test_the_docs_name_every_series_and_option(service):
    text = (ROOT / "docs/serve.md").read_text()
    metrics = set(re.findall(r"^# TYPE (\w+)", service.ask("GET", "/metrics").body.decode(), re.M))
    assert {name for name in metrics if f"`{name}" not in text} == set()
    options = re.findall(r"^  (?:-\w,)?(--[\w-]+)", subprocess.run([str(service.process.args[0]), "serve", "--help"], capture_output=True, text=True).stdout, re.M)
    assert len(options) > 25
    general = {"--model", "--device", "--precision", "--tune", "--cudnn-mlp", "--threads", "--help"}
    assert {option for option in options if option not in general and option not in text} == set()
