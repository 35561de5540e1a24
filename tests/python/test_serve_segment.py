"""What `sclip serve` answers is what the command writes, bit for bit: masks, overlays, run lengths, arrays, embeddings."""
import base64
import io
import json

import numpy as np
import pytest
from cli_support import CHINA, DEMO_MODEL, ROOT, pytestmark, succeed  # noqa: F401
from PIL import Image
from serve_support import TINY, command_outputs, found, picture, serving

WORDS = "sky; building, house; tree"
ALL = "mask,overlay,overlay-jpeg,grey,geotiff,rle,scores,logits,json"


@pytest.fixture(scope="module")
def service(sclip):
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def written(tmp_path_factory, sclip):
    """(photo, everything that the command writes for it)"""
    photo = picture(200, 150, seed=1)
    return photo, command_outputs(tmp_path_factory.mktemp("command"), photo, WORDS, ALL.removesuffix(",json"))


TYPES = {"mask": "image/png", "overlay": "image/png", "overlay-jpeg": "image/jpeg", "grey": "image/png", "geotiff": "image/tiff", "scores": "application/x-npy",
         "logits": "application/x-npy"}


@pytest.mark.parametrize("output", TYPES)
def test_each_output_has_the_commands_bytes(service, written, output):
    photo, files = written
    answer = service.post("/v1/segment", {"classes": WORDS, "outputs": output}, photo)
    assert answer.status == 200 and answer.headers["content-type"] == TYPES[output]
    assert answer.body == files[output]


def test_what_is_said_is_what_the_command_says(service, written):
    photo, files = written
    answer = service.post("/v1/segment", {"classes": WORDS}, photo, name="mine.png")
    assert answer.headers["content-type"] == "application/json"
    assert found(answer.body) == found(files["json"])
    assert answer.json["photo"] == {"path": "mine.png", "width": 200, "height": 150, "bytes": len(photo), "modified_ns": 0}
    assert answer.json["model"]["path"] == "tiny.sclip"
    rle, expected = service.post("/v1/segment", {"classes": WORDS, "outputs": "rle"}, photo, name="photo.bin").json, json.loads(files["rle"])
    assert rle == expected


def test_the_answer_fits_the_schema_of_result_json(service, written):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((ROOT / "docs/schemas/result.schema.json").read_text())
    jsonschema.validate(service.post("/v1/segment", {"classes": WORDS}, written[0]).json, schema)


def test_several_outputs_come_as_one_object(service, written):
    photo, files = written
    answer = service.post("/v1/segment", {"classes": WORDS, "outputs": ALL}, photo)
    assert set(answer.json) == set(ALL.split(","))
    for output, kind in TYPES.items():
        assert answer.json[output]["media_type"] == kind
        assert base64.b64decode(answer.json[output]["base64"]) == files[output], output
    assert found(answer.json["json"]) == found(files["json"])


@pytest.mark.parametrize("accept, output", [("image/png", "mask"), ("image/jpeg", "overlay-jpeg"), ("image/tiff", "geotiff"), ("application/x-npy", "scores"),
                                            ("text/html,image/*;q=0.8", "mask")])
def test_accept_chooses(service, written, accept, output):
    photo, files = written
    assert service.post("/v1/segment", {"classes": WORDS}, photo, {"Accept": accept}).body == files[output]


def test_the_same_request_in_four_ways(service, written):
    photo, files = written
    as_json = service.ask("POST", "/v1/segment", {"photo": base64.b64encode(photo).decode(), "classes": ["sky", ["building", "house"], "tree"], "outputs": "mask"})
    bare = service.ask("POST", "/v1/segment?classes=sky;building,house;tree&outputs=mask", photo, {"Content-Type": "image/png"})
    chunked = service.ask("POST", "/v1/segment?classes=sky;building,house;tree&outputs=mask", iter([photo[:1000], photo[1000:]]), {"Content-Type": "image/png"})
    import gzip
    packed = service.ask("POST", "/v1/segment?classes=sky;building,house;tree&outputs=mask", gzip.compress(photo),
                         {"Content-Type": "image/png", "Content-Encoding": "gzip"})
    for answer in (as_json, bare, chunked, packed):
        assert answer.status == 200 and answer.body == files["mask"], answer.body[:200]


@pytest.mark.parametrize("fields, options", [
    ({"policy": "naclip:sigma=3"}, ["--policy", "naclip:sigma=3"]),
    ({"policy": "naclip", "policy_option": ["sigma=3"]}, ["--policy", "naclip", "--policy-option", "sigma=3"]),
    ({"policy": "surgery"}, ["--policy", "surgery"]),
    ({"temperature": 0.5, "short_side": 64, "stride": 8}, ["--temperature", "0.5", "--short-side", "64", "--stride", "8"]),
    ({"crop": 0}, ["--crop", "0"]),
    ({"fit": "squash"}, ["--fit", "squash"]),
    ({"logit_scale": 7, "prob_thd": 0.4}, ["--logit-scale", "7", "--prob-thd", "0.4"]),
    ({"prob_thd": 0.5, "ignore_label": 255, "ignore_name": "none"}, ["--prob-thd", "0.5", "--ignore-label", "255", "--ignore-name", "none"]),
    ({"area_thd": 0.2}, ["--area-thd", "0.2"]),
    ({"refine": "pamr", "refine_iterations": 2, "refine_dilations": "1,2"}, ["--refine", "pamr", "--refine-iterations", "2", "--refine-dilations", "1,2"]),
    ({"refine": "pearl", "refine_cells": 12}, ["--refine", "pearl", "--refine-cells", "12"]),
    ({"templates": "none"}, ["--templates", "none"]),
    ({"overlay_size": "photo"}, ["--overlay-size", "photo"]),
    ({"config": "voc20", "crop": 32, "stride": 16, "short_side": 48, "classes": None, "templates": "none"},
     ["--config", "voc20", "--crop", "32", "--stride", "16", "--short-side", "48", "--templates", "none"])])
def test_options_mean_what_they_mean_to_the_command(service, tmp_path, fields, options):
    photo = picture(120, 90, seed=2)
    words = {"classes": WORDS} if "classes" not in fields else {}
    arguments = list(options)
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "p.png").write_bytes(photo)
    if words:
        arguments += ["-c", WORDS]
    succeed("segment", folder / "p.png", "--model", TINY, "--precision", "f32", "--no-cache", "--outputs", "mask,overlay,scores,rle,json", "-o", folder / "out", "-q",
            *arguments)
    answer = service.post("/v1/segment", {**words, **{k: v for k, v in fields.items() if v is not None}, "outputs": "mask,overlay,scores,rle,json"}, photo, name="p.png")
    assert answer.status == 200, answer.body
    for output, name in (("mask", "mask.png"), ("overlay", "overlay.png"), ("scores", "scores.npy")):
        assert base64.b64decode(answer.json[output]["base64"]) == (folder / "out" / name).read_bytes(), output
    assert answer.json["rle"] == json.loads((folder / "out/rle.json").read_text())
    ours, theirs = found(answer.json["json"]), found((folder / "out/result.json").read_bytes())
    ours["warnings"] = [w.replace("ignore_label", "--ignore-label").replace("prob_thd", "--prob-thd") for w in ours["warnings"]]
    assert ours == theirs


def test_a_photo_of_the_demo_model(tmp_path):
    """The bundled model and photograph, in the background words of a single class, too."""
    photo = CHINA.read_bytes()
    with serving(model=DEMO_MODEL) as service:
        for words in ("sky; building, house; tree; water; person", "person"):
            files = command_outputs(tmp_path / words[:3], photo, words, "mask,overlay", model=DEMO_MODEL)
            answer = service.post("/v1/segment", {"classes": words, "outputs": "mask,overlay,json"}, photo)
            for output in ("mask", "overlay"):
                assert base64.b64decode(answer.json[output]["base64"]) == files[output], (words, output)
            assert found(answer.json["json"]) == found(files["json"])


def computed(service) -> tuple[float, float]:
    """Windows, and how often the image tower ran."""
    metrics = service.metrics()
    return metrics["sclip_windows_total"], metrics['sclip_stage_seconds_count{stage="encode"}']


def test_features_answer_new_words_as_the_photo_itself_does(service):
    photo = picture(200, 150, seed=3)
    read = service.post("/v1/features", {"policy": "naclip", "short_side": 64}, photo, name="kept.png")
    assert read.status == 201 and read.json["photo"] == {"path": "kept.png", "width": 200, "height": 150} and read.json["windows"] > 1
    assert read.json["bytes"] == service.metrics()["sclip_features_bytes"] - 1024
    for words in (WORDS, "tree; sky", "a; b; c; d; e"):
        anew = service.post("/v1/segment", {"classes": words, "policy": "naclip", "short_side": 64, "outputs": "mask,scores,logits,rle,json"}, photo, name="kept.png")
        before = computed(service)
        asked = service.ask("POST", f"/v1/segment?features={read.json['id']}", {"classes": words, "outputs": "mask,scores,logits,rle,json"})
        assert asked.status == 200, asked.body
        assert computed(service) == before, "the image tower ran again"
        for output in ("mask", "scores", "logits", "rle"):
            assert asked.json[output] == anew.json[output], (words, output)
        assert found(asked.json["json"]) == found(anew.json["json"])
    for refused, why in (({"outputs": "overlay"}, "photo"), ({"short_side": 48}, "features"), ({"refine": "pamr"}, "photo")):
        answer = service.ask("POST", f"/v1/segment?features={read.json['id']}", {"classes": "a; b", **refused})
        assert answer.status == 422 and why in answer.error["message"], refused
    assert service.ask("DELETE", f"/v1/features/{read.json['id']}").status == 204
    assert service.ask("POST", "/v1/segment", {"features": read.json["id"], "classes": "a; b"}).status == 404


def test_a_policy_that_looks_at_the_words_keeps_no_features(service):
    answer = service.post("/v1/features", {"policy": "surgery"}, picture(64, 48))
    assert answer.status == 422 and "looks at the words" in answer.error["message"]


def test_the_longest_unused_features_go(sclip):
    with serving("--features-mb", 1) as service:
        ids = [service.post("/v1/features", {"short_side": 96}, picture(200, 150, seed=i)).json["id"] for i in range(40)]
        metrics = service.metrics()
        assert metrics["sclip_features_bytes"] <= 1 << 20 and metrics["sclip_features_dropped"] > 0
        alive = [service.ask("POST", "/v1/segment", {"features": i, "classes": "a; b"}).status for i in ids]
        assert alive[0] == 404 and alive[-1] == 200 and sorted(alive, reverse=True) == alive
        big = service.post("/v1/features", {"short_side": 1024, "stride": 8}, picture(1500, 1024))
        assert big.status == 413 and big.error["code"] in ("too_large", "too_much_work")


def test_embeddings_are_the_commands(service, tmp_path):
    photo = picture(100, 80, seed=4)
    (tmp_path / "p.png").write_bytes(photo)
    succeed("embed", "--model", TINY, "--precision", "f32", "--image", tmp_path / "p.png", "-o", tmp_path / "photo.npy")
    succeed("embed", "--model", TINY, "--precision", "f32", "--text", "a cat", "--text", "a dog", "-o", tmp_path / "texts.npy")
    assert service.post("/v1/embed", {}, photo, {"Accept": "application/x-npy"}).body == (tmp_path / "photo.npy").read_bytes()
    texts = service.ask("POST", "/v1/embed", {"texts": ["a cat", "a dog"]}, {"Accept": "application/x-npy"})
    assert texts.body == (tmp_path / "texts.npy").read_bytes()
    listed = service.ask("POST", "/v1/embed", {"texts": ["a cat", "a dog"]}).json["embeddings"]
    assert np.array_equal(np.array(listed, np.float32), np.load(io.BytesIO(texts.body)))
    assert service.ask("POST", "/v1/embed", {}).status == 422
    assert service.ask("POST", "/v1/embed", {"texts": ["x " * 200]}).status == 422


def test_classification_is_the_commands(service, tmp_path):
    photo = picture(100, 80, seed=5)
    (tmp_path / "p.png").write_bytes(photo)
    said = json.loads(succeed("classify", tmp_path / "p.png", "--model", TINY, "--precision", "f32", "-c", "cat; dog; horse, pony", "--no-cache", "--top", "2", "--json").out)
    answer = service.post("/v1/classify", {"classes": "cat; dog; horse, pony", "top": 2}, photo, name="p.png").json
    assert answer["classes"] == said["classes"] and answer["logit_scale"] == said["logit_scale"] and len(answer["classes"]) == 2


def test_word_lists_have_names(service):
    photo = picture(64, 48, seed=6)
    added = service.ask("POST", "/v1/banks", {"name": "town", "classes": [["street", "road"], "house"], "templates": ["a photo of {}"]})
    assert added.status == 201 and [c["queries"] for c in added.json["classes"]] == [["street", "road"], ["house"]]
    assert service.ask("POST", "/v1/banks", {"name": "town", "classes": "street, road; house", "templates": ["a photo of {}"]}).status == 200
    assert service.ask("POST", "/v1/banks", {"name": "town", "classes": "street; house"}).status == 409
    assert service.ask("POST", "/v1/banks", {"name": "built-in", "class_list": "voc20", "templates": ["none"]}).status == 201
    assert {b["name"] for b in service.ask("GET", "/v1/banks").json["banks"]} == {"town", "built-in"}
    assert service.ask("GET", "/v1/banks/town").json == added.json
    before = service.metrics()["sclip_bank_misses_total"]
    named = service.post("/v1/segment", {"bank": "town", "outputs": "logits"}, photo)
    given = service.post("/v1/segment", {"classes": "street, road; house", "templates": "a photo of {}", "outputs": "logits"}, photo)
    assert named.status == 200 and named.body == given.body
    assert service.metrics()["sclip_bank_misses_total"] == before  # by content: both were there
    for wrong in ("a b", "", "x" * 101, "../x"):
        assert service.ask("POST", "/v1/banks", {"name": wrong, "classes": "a; b"}).status == 422, wrong
    assert service.ask("DELETE", "/v1/banks/town").status == 204
    assert service.post("/v1/segment", {"bank": "town"}, photo).status == 404


@pytest.mark.parametrize("fields, status, message", [
    ({}, 422, "no words"), ({"classes": ""}, 422, "class"), ({"classes": " "}, 422, ""), ({"classes": "a; a"}, 422, "a"), ({"classes": "a; <|endoftext|>"}, 422, "endoftext"),
    ({"classes": "a; b", "bank": "x"}, 422, "give one"), ({"bank": "nothing"}, 404, "nothing"), ({"class_list": "voc2l"}, 422, "voc21"),
    ({"classes": "a; b", "outputs": "magic"}, 422, "magic"), ({"classes": "a; b", "outputs": "per-class"}, 422, "rle"), ({"classes": "a; b", "outpust": "mask"}, 422, "outputs"),
    ({"classes": "a; b", "policy": "nacl1p"}, 422, "naclip"), ({"classes": "a; b", "policy": "learned:file=/etc/passwd"}, 422, ""),
    ({"classes": "a; b", "crop": "x"}, 422, "crop"), ({"classes": "a; b", "stride": 64, "crop": 32}, 422, "stride"), ({"classes": "a; b", "prob_thd": 2}, 422, "prob_thd"),
    ({"classes": "a; b", "ignore_label": 1}, 422, ""), ({"classes": "a; b", "recipe": "naclip"}, 422, ""), ({"classes": "a; b", "templates": "no braces"}, 422, "{}"),
    ({"classes": "x " * 80 + "; b"}, 422, "context"), ({"classes": ";".join(f"w{i}" for i in range(2000))}, 413, "--max-words"),
    ({"classes": "a; b", "short_side": 8192, "stride": 1}, 413, "--max-windows"), ({"classes": "a; b", "short_side": 4096, "crop": 0}, 413, "--max-windows"),
    ({"classes": "a\0; b"}, 422, "NUL")])
def test_what_cannot_be_meant_is_said(service, fields, status, message):
    answer = service.post("/v1/segment", fields, picture(64, 48))
    assert answer.status == status, answer.body
    assert message in answer.error["message"]
    assert service.post("/v1/segment", {"classes": "a; b"}, picture(64, 48)).status == 200


def test_files_of_the_machine_are_not_read(service):
    """Names that the command takes for files mean nothing to a service."""
    photo = picture(64, 48)
    for fields in ({"classes": "a; b", "policy": "learned:matrix=/etc/passwd"}, {"classes": "a; b", "templates": "/etc/passwd"}, {"class_list": "/etc/passwd"}):
        answer = service.post("/v1/segment", fields, photo)
        assert answer.status == 422 and "root:" not in answer.body.decode()
    assert service.post("/v1/segment", {"classes": "/etc/passwd; b"}, photo).json["classes"][0]["name"] == "/etc/passwd"
