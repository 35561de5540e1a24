"""--policy, --policy-option, --temperature, --fit, --recipe and `info --policies`, as a person uses them."""
import re

import numpy as np
import pytest
from cli_support import BARE, CHINA, CLASSES, fail, result, succeed
from cli_support import pytestmark  # noqa: F401
from parity import difference
from PIL import Image
from test_parity_read_outs import CLASSES as WORD_CLASSES
from test_parity_read_outs import LAYOUTS, photos, twelve  # noqa: F401

from tests.reference import image
from tests.reference.configurations import Configuration
from tests.reference.policies import POLICIES
from tests.reference.segment import segment

UNMOVED = {"maskclip", "hardmax"}  # no scores, and scores whose order is all that counts


def table() -> list[str]:
    """Names of `sclip info --policies`."""
    rows = succeed("info", "--policies").out.split("\n\n")[0].splitlines()[1:]
    return [row.split()[0] for row in rows]


def logits(folder, *options):
    succeed("segment", CHINA, "-c", CLASSES, *BARE, "--short-side", "112", "--precision", "f32", "--outputs", "mask,json,logits", "-o",
            folder, *options)
    return np.load(folder / "logits.npy")


def test_the_table_names_every_policy_with_its_facts():
    text = succeed("info", "--policies").out
    names = table()
    assert {"clip", "sclip", "identity", "random", "learned", "sharpen", "hardmax", "local", "layer", "naclip"} <= set(names)
    row = next(line for line in text.splitlines() if line.split()[:1] == ["sclip"])
    assert re.search(r"^\s*sclip +1\.00 +38\.2 .*correlative.*last block.*ECCV 2024", row)
    assert re.search(r"local:n=3 or local-3 +patches a side, odd: one of 1, 3, 5 … 99", text)
    help_text = succeed("segment", "--help").out
    assert all(f" {name}: " in help_text for name in names)


def test_one_policy_has_several_spellings(tmp_path):
    same = {spelling: logits(tmp_path / str(i), *options) for i, (spelling, options) in enumerate({
        "local": ("--policy", "local"), "local-3": ("--policy", "local-3"), "local:n=3": ("--policy", "local:n=3"),
        "option": ("--policy", "local", "--policy-option", "n=3"),
        "the last counts": ("--policy", "local-7", "--policy-option", "n=5", "--policy-option", "n=3")}.items())}
    for other in same.values():
        assert np.array_equal(same["local"], other)
    assert result(tmp_path / "4")["options"]["policy"] == "local"
    assert not np.array_equal(same["local"], logits(tmp_path / "other", "--policy", "local-5"))
    assert result(tmp_path / "other")["options"]["policy"] == "local:n=5"


@pytest.mark.parametrize("one, other", [("local-1", "maskclip"), ("sharpen-1", "clip"), ("layer-6", "clip"), ("local-99", "local-97"),
                                        ("random", "random:n=4,seed=0")])
def test_limits_are_other_policies(one, other, tmp_path):
    # The class token is hidden in `local` and seen in `clip`: local-99 is no clip.
    found, expected = logits(tmp_path / "one", "--policy", one), logits(tmp_path / "other", "--policy", other)
    assert difference(found, expected) <= 2e-6


def test_sharper_is_nearer_to_the_hard_maximum(tmp_path):
    hard = logits(tmp_path / "hard", "--policy", "hardmax")
    apart = [np.abs(logits(tmp_path / t, "--policy", f"sharpen-{t}") - hard).mean() for t in ("1", "0.1", "0.01", "0.001")]
    assert apart == sorted(apart, reverse=True) and apart[-1] < 0.1 * apart[0]


@pytest.mark.parametrize("options, words", [
    (("--policy", "local-4"), ["one of 1, 3, 5 … 99", "'4'"]), (("--policy", "local-0"), ["one of 1, 3, 5"]),
    (("--policy", "random-2.5"), ["whole number from 1 to 64"]), (("--policy", "random:seed=-1"), ["whole number from 0"]),
    (("--policy", "sharpen-0"), ["0.0001 to 10000"]), (("--policy", "sharpen-nan"), ["'nan'"]),
    (("--policy", "layer-9"), ["6 blocks", "block 9", "1 to 6"]), (("--policy", "layer-0"), ["whole number from 1"]),
    (("--policy", "naclip-3"), ["no policy 'naclip-3'"]), (("--policy", "local-"), ["''"]),
    (("--policy-option", "sigma=3"), ["sclip has no option 'sigma'"]), (("--policy-option", "sigma"), ["'sigma' is not an option"]),
    (("--policy", "learned", "--policy-option", "file=a,b"), ["comma"]),
    (("--temperature", "0"), ["temperature"]), (("--temperature", "nan"), ["temperature"]), (("--temperature", "inf"), ["temperature"]),
    (("--temperature", "1e-9"), ["0.0001", "hardmax"]), (("--fit", "wide"), ["'wide'", "squash"]),
    (("--recipe", "sc-clip"), ["--config", "voc21"]), (("--recipe", "scclip", "--config", "voc21"), ["did you mean 'sc-clip'"]),
    (("--recipe", "naclip", "--config", "voc99"), ["voc99"]),
    (("--recipe", "surgery", "--config", "voc21"), ["surgery", "no setting for voc21", "context59"]),
])
def test_what_cannot_be_is_refused_with_what_can(options, words, tmp_path):
    message = fail("segment", CHINA, "-c", CLASSES, *BARE, "--short-side", "64", "-o", tmp_path, *options)
    for word in words:
        assert word in message


def test_a_temperature_is_part_of_every_policy_that_has_scores(tmp_path):
    for name in table():
        if name == "learned":
            continue  # needs a file
        plain, warm = (logits(tmp_path / f"{name}{t}", "--policy", name, "--temperature", t) for t in (1, 4))
        assert np.isfinite(warm).all()
        if name in UNMOVED:
            assert np.array_equal(plain, warm), name
        else:
            assert not np.array_equal(plain, warm), name
    assert result(tmp_path / "clip4")["options"]["temperature"] == 4
    assert np.array_equal(logits(tmp_path / "a", "--policy", "clip", "--temperature", "0.5"), logits(tmp_path / "b", "--policy", "sharpen"))
    assert result(tmp_path / "a")["options_hash"] != result(tmp_path / "clip4")["options_hash"]


@pytest.mark.parametrize("policy", [*POLICIES, "identity", "random-3", "sharpen", "local-5", "layer-7"])
def test_a_temperature_against_the_reference(policy, sclip, twelve, photos, tmp_path):  # noqa: F811
    short_side, crop, stride = LAYOUTS["narrow"]
    options = ["--policy", policy, "--short-side", short_side, "--crop", crop, "--stride", stride, "--temperature", "1.7"]
    succeed("segment", photos["landscape"], "--model", twelve.blob, "-c", WORD_CLASSES, "--cache-dir", twelve.cache, "--precision", "f32",
            "--outputs", "mask,json,logits", "-o", tmp_path, *options)
    expected = segment(twelve.model, image.decode(photos["landscape"]), twelve.bank, twelve.owner, policy,
                       Configuration(short_side=short_side), crop, stride, temperature=1.7).logits.numpy()
    assert difference(np.load(tmp_path / "logits.npy"), expected) <= 2e-6


def test_a_squashed_photo_against_the_reference(sclip, twelve, photos, tmp_path):  # noqa: F811
    succeed("segment", photos["landscape"], "--model", twelve.blob, "-c", WORD_CLASSES, "--cache-dir", twelve.cache, "--precision", "f32",
            "--outputs", "mask,json,logits", "-o", tmp_path, "--fit", "squash", "--short-side", 64, "--crop", 0)
    expected = segment(twelve.model, image.decode(photos["landscape"]), twelve.bank, twelve.owner, "sclip", Configuration(short_side=64), 0,
                       32, squash=True).logits.numpy()
    assert difference(np.load(tmp_path / "logits.npy"), expected) <= 2e-6
    assert result(tmp_path)["options"]["fit"] == "squash"


def test_a_recipe_is_a_published_setting_and_flags_go_before_it(tmp_path):
    def options(*more):
        succeed("segment", CHINA, *BARE, "--config", "voc21", "--recipe", "naclip", "--short-side", "64", "--outputs", "mask,json", "-o",
                tmp_path, *more)
        return result(tmp_path)["options"]
    found = options()
    assert (found["recipe"], found["config"], found["policy"], found["crop"], found["logit_scale"]) == ("naclip", "voc21", "naclip", 0, 40)
    assert (found["prob_thd"], found["area_thd"]) == (0.1, None)
    assert found["refine"] == {"kind": "pamr", "iterations": 10, "dilations": [8, 16]}
    changed = options("--refine", "none", "--policy-option", "sigma=3", "--prob-thd", "0.2", "--crop", "48", "--stride", "32")
    assert (changed["refine"], changed["policy"], changed["prob_thd"], changed["crop"]) == (None, "naclip:sigma=3", 0.2, 48)
    assert options("--policy", "clip")["policy"] == "clip"


def test_the_words_of_a_recipe(tmp_path):
    Image.new("RGB", (64, 48), (9, 90, 200)).save(tmp_path / "p.png")
    common = ("segment", tmp_path / "p.png", "--config", "voc20", "--policy", "sclip", "--no-cache", "--outputs", "mask,json")
    succeed(*common, "--recipe", "sfp", "--templates", "none", "-o", tmp_path / "sfp")
    names = [c["name"] for c in result(tmp_path / "sfp")["classes"]]
    assert "people" in names and "person" not in names and len(names) == 20
    succeed(*common, "--recipe", "gem", "--short-side", "56", "-o", tmp_path / "gem")
    options = result(tmp_path / "gem")["options"]
    assert (options["templates"], options["template_count"], options["fit"], options["crop"]) == ("recipe", 1, "squash", 0)
