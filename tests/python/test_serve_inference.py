"""The Open Inference Protocol (v2): by its rules, and by Triton's own client."""
import base64
import io
import json
import struct

import numpy as np
import pytest
from cli_support import pytestmark  # noqa: F401
from PIL import Image
from serve_support import command_outputs, picture, serving

WORDS = "sky; building, house; tree"
ELEMENTS = [b"sky", b"building, house", b"tree"]


@pytest.fixture(scope="module")
def service(sclip):
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def written(tmp_path_factory, sclip):
    photo = picture(90, 70, seed=7)
    files = command_outputs(tmp_path_factory.mktemp("command"), photo, WORDS, "grey,scores")
    mask = np.array(Image.open(io.BytesIO(files["grey"])))
    shares = [c["share"] for c in json.loads(files["json"])["classes"]]
    return photo, mask, np.load(io.BytesIO(files["scores"])), shares


def strings(*elements: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(e)) + e for e in elements)


def binary_request(photo: bytes, outputs=(), **more) -> tuple[bytes, dict]:
    tensors = [("image", [1], strings(photo)), ("words", [len(ELEMENTS)], strings(*ELEMENTS))]
    header = {"inputs": [{"name": n, "shape": s, "datatype": "BYTES", "parameters": {"binary_data_size": len(b)}} for n, s, b in tensors],
              "outputs": [{"name": n, "parameters": {"binary_data": True}} for n in outputs], **more}
    if not outputs:
        del header["outputs"]
    text = json.dumps(header).encode()
    return text + b"".join(b for _, _, b in tensors), {"Inference-Header-Content-Length": str(len(text)), "Content-Type": "application/octet-stream"}


def test_health_and_facts(service):
    for path in ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/sclip", "/v2/models/sclip/ready"):
        assert service.ask("GET", path).status == 200, path
    facts = service.ask("GET", "/v2/models/sclip").json
    assert facts["name"] == "sclip" and {i["name"] for i in facts["inputs"]} == {"image", "words"}
    assert {o["name"]: o["datatype"] for o in facts["outputs"]} == {"mask": "UINT16", "scores": "FP32", "labels": "BYTES", "shares": "FP64"}
    assert "binary_tensor_data" in service.ask("GET", "/v2").json["extensions"]
    unknown = service.ask("GET", "/v2/models/other")
    assert unknown.status == 404 and isinstance(unknown.json["error"], str)


def test_json_in_and_out(service, written):
    photo, mask, _, shares = written
    answer = service.ask("POST", "/v2/models/sclip/infer", {
        "id": "call-7", "inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(photo).decode()]},
                                   {"name": "words", "shape": [3], "datatype": "BYTES", "data": [e.decode() for e in ELEMENTS]}],
        "outputs": [{"name": "mask"}, {"name": "labels"}, {"name": "shares"}]})
    assert answer.status == 200, answer.body
    assert (answer.json["id"], answer.json["model_name"], answer.json["model_version"]) == ("call-7", "sclip", "1")
    got = {o["name"]: o for o in answer.json["outputs"]}
    assert got["mask"]["shape"] == [70, 90] and got["mask"]["datatype"] == "UINT16"
    assert np.array_equal(np.array(got["mask"]["data"]).reshape(70, 90), mask)
    assert got["labels"]["data"] == ["sky", "building", "tree"] and got["shares"]["data"] == shares


def test_binary_in_and_out(service, written):
    photo, mask, scores, shares = written
    body, headers = binary_request(photo, ("scores", "mask", "labels", "shares"))
    answer = service.ask("POST", "/v2/models/sclip/infer", body, headers)
    assert answer.status == 200, answer.body
    size = int(answer.headers["inference-header-content-length"])
    header, rest = json.loads(answer.body[:size]), answer.body[size:]
    parts = {}
    for output in header["outputs"]:
        length = output["parameters"]["binary_data_size"]
        parts[output["name"]], rest = rest[:length], rest[length:]
    assert rest == b"" and [o["name"] for o in header["outputs"]] == ["scores", "mask", "labels", "shares"]
    assert np.array_equal(np.frombuffer(parts["mask"], "<u2").reshape(70, 90), mask)
    assert np.frombuffer(parts["scores"], "<f4").reshape(70, 90).tobytes() == scores.tobytes()
    assert parts["labels"] == strings(b"sky", b"building", b"tree")
    assert list(np.frombuffer(parts["shares"], "<f8")) == shares


def test_pixels_instead_of_a_file(service, written):
    photo, mask, _, _ = written
    pixels = np.array(Image.open(io.BytesIO(photo)).convert("RGB"))
    words = strings(*ELEMENTS)
    header = json.dumps({"inputs": [{"name": "image", "shape": list(pixels.shape), "datatype": "UINT8", "parameters": {"binary_data_size": pixels.nbytes}},
                                    {"name": "words", "shape": [3], "datatype": "BYTES", "parameters": {"binary_data_size": len(words)}}],
                         "outputs": [{"name": "mask"}]}).encode()
    answer = service.ask("POST", "/v2/models/sclip/infer", header + pixels.tobytes() + words, {"Inference-Header-Content-Length": str(len(header))})
    assert answer.status == 200, answer.body
    assert np.array_equal(np.array(answer.json["outputs"][0]["data"]).reshape(70, 90), mask)


def test_parameters_are_the_fields(service, written):
    body, headers = binary_request(written[0], ("mask",), parameters={"policy": "naclip", "short_side": 64, "prob_thd": 0.4})
    tensor = service.ask("POST", "/v2/models/sclip/infer", body, headers)
    plain = service.post("/v1/segment", {"classes": WORDS, "policy": "naclip", "short_side": 64, "prob_thd": 0.4, "outputs": "grey"}, written[0])
    mask = np.frombuffer(tensor.body[int(tensor.headers["inference-header-content-length"]):], "<u2").reshape(70, 90)
    assert np.array_equal(mask, np.array(Image.open(io.BytesIO(plain.body))))


@pytest.mark.parametrize("change", [
    lambda r: r.pop("inputs"), lambda r: r.update(inputs=3), lambda r: r["inputs"].append(3), lambda r: r["inputs"].pop(0), lambda r: r["inputs"].pop(1),
    lambda r: r["inputs"][0].update(shape=[2]), lambda r: r["inputs"][0].update(shape=[-1]), lambda r: r["inputs"][0].update(shape=[2 ** 40, 2 ** 40]),
    lambda r: r["inputs"][0].update(datatype="FP32"), lambda r: r["inputs"][0].update(data=["not base64!"]), lambda r: r["inputs"][0].update(data=[1]),
    lambda r: r["inputs"][0].update(parameters={"binary_data_size": 99}), lambda r: r["inputs"][0].update(name="picture"),
    lambda r: r["inputs"][0].update(datatype="UINT8", shape=[1, 1, 3], data=[1, 2, 300]), lambda r: r["inputs"][0].update(datatype="UINT8", shape=[3], data=[1, 2, 3]),
    lambda r: r.update(outputs=[{"name": "magic"}]), lambda r: r.update(outputs=[{}]), lambda r: r.update(parameters={"magic": 1}), lambda r: r.update(parameters=3)])
def test_a_wrong_request_is_said(service, written, change):
    request = {"inputs": [{"name": "image", "shape": [1], "datatype": "BYTES", "data": [base64.b64encode(written[0]).decode()]},
                          {"name": "words", "shape": [2], "datatype": "BYTES", "data": ["a", "b"]}]}
    assert service.ask("POST", "/v2/models/sclip/infer", request).status == 200
    change(request)
    answer = service.ask("POST", "/v2/models/sclip/infer", request)
    assert answer.status in (400, 415, 422), answer.body
    assert isinstance(answer.json["error"], str) and answer.json["error"]


def test_binary_data_that_does_not_add_up(service, written):
    body, headers = binary_request(written[0])
    for data, length in ((body + b"x", None), (body[:-1], None), (body, "0"), (body, "99999999"), (body, "-1"), (body, "x")):
        more = {**headers, **({"Inference-Header-Content-Length": length} if length else {})}
        assert service.ask("POST", "/v2/models/sclip/infer", data, more).status == 400, length


def test_tritons_client(service, written):
    triton = pytest.importorskip("tritonclient.http", reason="tritonclient[http] is not installed (scripts/requirements/test.txt)")
    photo, mask, scores, _ = written
    client = triton.InferenceServerClient(f"127.0.0.1:{service.port}")
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("sclip")
    assert client.get_model_metadata("sclip")["platform"] == "sclip"
    for binary in (True, False):
        image = triton.InferInput("image", [1], "BYTES")
        image.set_data_from_numpy(np.array([photo], dtype=object), binary_data=True)
        words = triton.InferInput("words", [3], "BYTES")
        words.set_data_from_numpy(np.array(ELEMENTS, dtype=object), binary_data=binary)
        wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("mask", "scores", "labels")]
        result = client.infer("sclip", [image, words], outputs=wanted, request_id="t1")
        assert np.array_equal(result.as_numpy("mask"), mask) and result.as_numpy("mask").dtype == np.uint16
        assert np.array_equal(result.as_numpy("scores"), scores)
        assert [v.decode() if isinstance(v, bytes) else v for v in result.as_numpy("labels")] == ["sky", "building", "tree"]
    result = client.infer("sclip", [image, words], request_compression_algorithm="gzip", response_compression_algorithm="gzip")
    assert np.array_equal(result.as_numpy("mask"), mask)
    from tritonclient.utils import InferenceServerException
    with pytest.raises(InferenceServerException, match="no model|served|is not|nothing"):
        client.get_model_metadata("other")
    client.close()
