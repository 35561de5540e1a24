"""docs/schemas: what a run leaves is what they say, and nothing else passes."""
import copy
import json
from functools import reduce
from operator import getitem

import jsonschema
import pytest
from cli_support import BARE, CHINA, CLASSES, ROOT, pytestmark, result, succeed  # noqa: F401


def schema(name: str) -> jsonschema.Draft202012Validator:
    text = json.loads((ROOT / f"docs/schemas/{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(text)
    return jsonschema.Draft202012Validator(text)


def segment(out, *arguments, classes=("-c", CLASSES)):
    succeed("segment", CHINA, *classes, *BARE, "--short-side", "112", "-q", "-o", out, *arguments)
    return result(out)


@pytest.mark.parametrize("arguments, classes", [
    ((), ("-c", CLASSES)),
    (("--outputs", "mask,overlay,overlay-jpeg,grey,geotiff,per-class,rle,scores,logits,json", "--overlay-size", "photo"), ("-c", CLASSES)),
    (("--config", "voc21"), ()),
    (("--config", "cityscapes", "--refine", "pamr", "--refine-iterations", "1", "--area-thd", "0.1"), ()),
    (("--refine", "pearl", "--refine-cells", "20"), ("-c", CLASSES)),
    (("--refine", "pamr", "--refine-dilations", "4", "--policy", "naclip:sigma=3", "--prob-thd", "0.5", "--outputs", "json"),
     ("-c", "sky; 空, tree")),
    (("--ignore-label", "255", "--prob-thd", "0.9", "--outputs", "json,rle"), ("-c", CLASSES)),
    (("--crop", "0", "--logit-scale", "0.1", "--outputs", "json,rle"), ("-c", "sky")),
])
def test_real_outputs_are_valid(arguments, classes, tmp_path):
    facts = segment(tmp_path, *arguments, classes=classes)
    schema("result").validate(facts)
    assert (tmp_path / "rle.json").exists() == ("rle" in facts["outputs"])
    if "rle" in facts["outputs"]:
        schema("rle").validate(json.loads((tmp_path / "rle.json").read_text()))


def test_a_folder_and_a_salvaged_photo_are_valid(tmp_path):
    (tmp_path / "in").mkdir()
    data = CHINA.read_bytes()
    (tmp_path / "in/whole.jpg").write_bytes(data)
    (tmp_path / "in/half.jpg").write_bytes(data[:len(data) // 2])
    succeed("segment", tmp_path / "in", "-c", CLASSES, *BARE, "--short-side", "112", "--salvage", "-q", "-o", tmp_path / "out")
    for name in ("whole.", "half."):
        schema("result").validate(result(tmp_path / "out", name))
    assert result(tmp_path / "out", "half.")["warnings"]


def objects(value, path=()):
    """Paths of all objects in a document whose members are fixed."""
    if isinstance(value, dict):
        yield path
        for key, inner in value.items():
            yield from objects(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from objects(inner, (*path, i))


@pytest.mark.parametrize("name", ["result", "rle"])
def test_other_fields_fail_and_so_do_missing_ones(name, tmp_path):
    facts = segment(tmp_path, "--outputs", "mask,per-class,rle,json", "--prob-thd", "0.9", "--ignore-label", "255", "--refine", "pamr",
                    "--refine-iterations", "1")
    document = facts if name == "result" else json.loads((tmp_path / "rle.json").read_text())
    validator = schema(name)
    assert validator.is_valid(document)
    paths = list(objects(document))
    assert len(paths) > 8
    for path in paths:
        def changed(change):
            other = copy.deepcopy(document)
            change(reduce(getitem, path, other))
            return other
        assert not validator.is_valid(changed(lambda place: place.update(unknown=1))), path
        for key in reduce(getitem, path, document):
            if path != ("outputs",):  # which of them there are is the run's choice
                assert not validator.is_valid(changed(lambda place, key=key: place.pop(key))), (path, key)
