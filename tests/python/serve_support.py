"""What the tests of `sclip serve` share: a service that is started as a person would, and what the command says to the same."""
import contextlib
import http.client
import io
import json
import re
import signal
import socket
import subprocess
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from cli_support import DEMO_MODEL, ROOT, SCLIP, succeed

TINY = ROOT / "tests/data/goldens/tiny.sclip"


@dataclass
class Answer:
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def error(self) -> dict:
        """What an error must look like, whatever it is."""
        error = self.json["error"]
        assert set(error) == {"code", "message", "request_id"} and error["message"], error
        assert error["request_id"] == self.headers["x-request-id"]
        assert "\n" not in error["message"] and str(ROOT) not in error["message"]
        return error


def form(fields: dict, photo: bytes | None = None, name: str = "photo.png") -> tuple[bytes, dict]:
    """multipart/form-data; a list is a field given several times."""
    boundary = uuid.uuid4().hex
    out = io.BytesIO()
    for key, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            out.write(f'--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{one}\r\n'.encode())
    if photo is not None:
        out.write(f'--{boundary}\r\nContent-Disposition: form-data; name="photo"; filename="{name}"\r\n'
                  "Content-Type: application/octet-stream\r\n\r\n".encode() + photo + b"\r\n")
    out.write(f"--{boundary}--\r\n".encode())
    return out.getvalue(), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


@dataclass
class Service:
    process: subprocess.Popen
    port: int
    host: str = "127.0.0.1"
    token: str = ""
    log: list = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def ask(self, method: str, path: str, body=None, headers=None, timeout=60, connection=None) -> Answer:
        own = connection is None
        connection = connection or http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            headers = {"Content-Type": "application/json", **(headers or {})}
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            if own:
                connection.close()

    def post(self, path: str, fields: dict, photo: bytes | None = None, headers=None, name="photo.png", **more) -> Answer:
        body, kind = form(fields, photo, name)
        return self.ask("POST", path, body, {**kind, **(headers or {})}, **more)

    def metrics(self) -> dict[str, float]:
        text = self.ask("GET", "/metrics").body.decode()
        return {name: float(value) for name, value in re.findall(r"^(\w+(?:\{[^}]*\})?) (\S+)$", text, re.M)}

    def raw(self, data: bytes, timeout=10) -> bytes:
        """Sends bytes as they are and returns all that comes back."""
        with socket.create_connection((self.host, self.port), timeout=timeout) as s:
            s.sendall(data)
            with contextlib.suppress(TimeoutError, ConnectionError):
                out = b""
                while piece := s.recv(65536):
                    out += piece
                return out
            return out

    def lines(self) -> list[dict]:
        """What was logged so far, each line being JSON."""
        return [json.loads(line) for line in list(self.log)]

    def logged(self, request_id: str, within: float = 5) -> dict:
        """The line of a request: it is written behind the answer."""
        end = time.time() + within
        while time.time() < end:
            for line in self.lines():
                if line.get("request_id") == request_id:
                    return line
            time.sleep(0.02)
        raise AssertionError(f"no log line of {request_id}")

    def stop(self, patience=120) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(patience)


@contextlib.contextmanager
def serving(*options, model=TINY, token="", stderr=None, precision="f32", environment=None, launcher=()):
    """A service at a free port, ended by SIGTERM: with exit code 0, or the test fails."""
    command = [*map(str, launcher), str(SCLIP), "serve", "--model", str(model), "--port", "0", "--precision", precision, *map(str, options)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE if stderr is None else stderr, env=environment)
    reader = None
    try:
        line = process.stdout.readline().decode()
        found = re.search(r"listening at https?://([\d.]+):(\d+)", line)
        assert found, line + (process.stderr.read().decode() if process.stderr else "")
        service = Service(process, int(found[2]), found[1], token)
        if process.stderr is not None:
            reader = threading.Thread(target=lambda: service.log.extend(process.stderr), daemon=True)
            reader.start()
        yield service
        code = service.stop()
        assert code == 0, f"exit code {code}: {service.log[-5:]}"
        if reader:
            reader.join(10)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
        if process.stderr and (reader is None or not reader.is_alive()):
            process.stderr.close()


def picture(width: int, height: int, seed: int = 0, kind: str = "PNG") -> bytes:
    """A photo of random, smooth content."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (max(2, height // 16), max(2, width // 16), 3), dtype=np.uint8)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def command_outputs(folder: Path, photo: bytes, classes: str, outputs: str, *options, model=TINY) -> dict[str, bytes]:
    """What `sclip segment` writes for the same photo and words: kind → the file's bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "photo.bin"
    source.write_bytes(photo)
    succeed("segment", source, "--model", model, "--precision", "f32", "--no-cache", "-c", classes, "--outputs", outputs + ",json",
            "-o", folder / "out", "-q", *options)
    result = json.loads((folder / "out/result.json").read_text())
    files = {kind: (folder / "out" / name).read_bytes() for kind, name in result["outputs"].items()}
    files["json"] = (folder / "out/result.json").read_bytes()
    return files


def settled(service, name: str, value: float | None = None, within: float = 20, least: float | None = None) -> bool:
    """Whether a series comes to a value, or to `least` and more: answers are counted when they are gone."""
    end = time.time() + within
    while time.time() < end:
        now = service.metrics().get(name)
        if now is not None and (now == value if least is None else now >= least):
            return True
        time.sleep(0.05)
    return False


# Of result.json: what is of a run and its files, and not of what was found.
OF_THE_RUN = ("seconds", "photo", "outputs", "options_hash", "device")


def found(result: bytes | dict) -> dict:
    result = json.loads(result) if isinstance(result, bytes) else result
    what = {key: value for key, value in result.items() if key not in OF_THE_RUN}
    what["size"] = (result["photo"]["width"], result["photo"]["height"])
    what["model"] = result["model"]["sha256"]
    what["text_bank"] = result["text_bank"]["queries"]
    return what
