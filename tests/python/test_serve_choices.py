"""What `sclip serve` offers to choose from, and logits of fewer pixels: against the files, the command and NumPy."""
import io
import json
import re

import numpy as np
import pytest
from cli_support import DEMO_MODEL, ROOT, pytestmark, run, split_blob  # noqa: F401
from page_support import labels_and_palette
from serve_support import command_outputs, picture, serving


@pytest.fixture(scope="module")
def service(sclip):
    with serving("--max-answer-mb", 1) as running:
        yield running


def test_the_lists_are_the_files(service):
    answer = service.ask("GET", "/v1/lists").json
    assert answer["known_words"] is None
    files = {path.stem: path.read_text().splitlines() for path in (ROOT / "engine/text/data/class_names").glob("*.txt")}
    assert {entry["name"] for entry in answer["lists"]} == set(files) and len(files) >= 8
    body = service.ask("GET", "/openapi.json").json["paths"]["/v1/segment"]["post"]["requestBody"]["content"]["application/json"]
    assert sorted(body["schema"]["properties"]["class_list"]["enum"]) == sorted(files)
    for entry in answer["lists"]:
        rows = [line for line in files[entry["name"]] if line.strip() and not line.startswith("#")]
        assert [row["id"] for row in entry["classes"]] == list(range(len(rows)))
        for row, line in zip(entry["classes"], rows):
            name, _, words = line.rpartition(" = ")
            words = [word.strip() for word in words.split(", ")]
            assert row["queries"] == words and row["name"] == (name or words[0])


def test_the_words_of_a_closed_vocabulary(sclip):
    header = split_blob(DEMO_MODEL.read_bytes())[0]["__metadata__"]
    with serving(model=DEMO_MODEL) as service:
        known = service.ask("GET", "/v1/lists").json["known_words"]
    assert known == json.loads(header["config"])["known_words"] and len(known) > 10


def test_the_policies_are_the_commands_but_those_of_files(service):
    offered = service.ask("GET", "/v1/policies").json["policies"]
    printed = run("info", "--policies").out
    names = re.findall(r"^  ([\w-]+) +\d\.\d\d ", printed, re.M)
    assert [policy["name"] for policy in offered] == [name for name in names if name != "learned"] and len(names) > 20
    for policy in offered:
        assert policy["summary"] in printed
        for option in policy["options"]:
            assert f"{policy['name']}:{option['name']}={option['value']}" in printed


def test_the_palette_is_that_of_masks(service, tmp_path):
    answer = service.ask("GET", "/v1/palette").json
    assert len(answer["colors"]) == 1024 and len(set(answer["colors"])) == 1024
    words = [f"word{i}" for i in range(60)]
    for first in ([], ["background"]):
        files = command_outputs(tmp_path / f"{len(first)}", picture(48, 32), ";".join(first + words), "mask", "--templates", "none")
        _, palette = labels_and_palette(files["mask"])
        colours = ["#{:02x}{:02x}{:02x}".format(*colour) for colour in palette]
        expected = ([answer["background"]["color"]] if first else []) + answer["colors"]
        assert colours[:60] == expected[:60]
    assert (answer["opacity"], answer["background"]["opacity"]) == (128, 64)


def test_logits_of_every_nth_row_and_column(service, tmp_path):
    photo = picture(101, 67, seed=5)
    words = "sky; building, house; tree"
    command = command_outputs(tmp_path, photo, words, "logits")
    (tmp_path / "logits.npy").write_bytes(command["logits"])
    whole = np.load(tmp_path / "logits.npy")
    kept = service.post("/v1/features", {}, photo).json["id"]
    for step in (1, 2, 7, 100, 4096):
        fields = {"classes": words, "outputs": "logits", "logits_step": step}
        for answer in (service.post("/v1/segment", fields, photo), service.ask("POST", "/v1/segment", {**fields, "features": kept})):
            assert answer.status == 200 and answer.headers["content-type"] == "application/x-npy"
            np.testing.assert_array_equal(np.load(io.BytesIO(answer.body)), whole[:, ::step, ::step])


def test_a_step_makes_logits_small_enough(service):
    photo = picture(300, 300)  # 3 words: 1.03 MB
    fields = {"classes": "a; b; c", "outputs": "logits"}
    refused = service.post("/v1/segment", fields, photo)
    assert refused.status == 413 and "logits_step" in refused.error["message"]
    assert service.post("/v1/segment", {**fields, "logits_step": 2}, photo).status == 200


@pytest.mark.parametrize("fields, says", [
    ({"logits_step": 2, "outputs": "mask"}, "not among the outputs"), ({"logits_step": 0, "outputs": "logits"}, "logits_step"),
    ({"logits_step": 5000, "outputs": "logits"}, "logits_step")])
def test_a_step_that_cannot_be_is_refused(service, fields, says):
    answer = service.post("/v1/segment", {"classes": "a; b", **fields}, picture(32, 32))
    assert answer.status == 422 and says in answer.error["message"]
