"""`sclip bench`: what it measures hangs together, whatever the machine."""
import json

import pytest

from cli_support import BARE, CHINA, CLASSES, fail, pytestmark, result, run, succeed  # noqa: F401

SPREADS = ("call", "resize", "encode", "merge", "new_words")


def measured(*arguments):
    return json.loads(succeed("bench", "latency", *arguments, "-c", CLASSES, *BARE, "--json").out)


def test_latency_of_a_photo(tmp_path):
    facts = measured(CHINA, "--calls", 9, "--threads", 1, "--precision", "f32", "--policy", "naclip")
    succeed("segment", CHINA, "-c", CLASSES, *BARE, "--outputs", "json", "-o", tmp_path)
    segmented = result(tmp_path)
    assert facts["photo"] == {key: segmented["photo"][key] for key in ("width", "height")}
    assert facts["windows"] == segmented["windows"] and facts["queries"] == 5 and facts["policy"] == "naclip"
    assert facts["device"] == {"name": "cpu", "precision": "f32", "threads": 1}
    seconds = facts["seconds"]
    for name in (*SPREADS, "decode"):
        s = seconds[name]
        assert s["count"] == 9, name
        assert 0 < s["min"] <= s["p50"] <= s["p90"] <= s["p99"] <= s["max"], name
        assert s["min"] <= s["mean"] <= s["max"] and 0 <= s["mad"] <= s["max"] - s["min"], name
        assert s["p99"] == s["max"], name  # of nine
        assert abs(s["p99_to_p50"] * s["p50"] - s["p99"]) < 1e-9, name
    # Means add up where medians need not: the stages are the call, but for checking its arguments.
    stages = sum(seconds[name]["mean"] for name in ("resize", "encode", "merge"))
    assert 0.8 * seconds["call"]["mean"] < stages <= seconds["call"]["mean"]
    for name in ("load", "words", "prepare", "first_call", "read"):
        assert seconds[name] > 0, name
    # Words are asked of what the encoder found: that takes a part of a call, the encoder another.
    assert seconds["new_words"]["min"] < seconds["call"]["p50"]
    assert "together" not in facts


def test_latency_of_a_size():
    facts = measured("--size", "90,60", "--short-side", 64, "--crop", 0, "--calls", 5, "--together", 3)
    assert facts["photo"] == {"width": 90, "height": 60} and facts["windows"] == 1
    assert "decode" not in facts["seconds"]  # nothing was
    together = facts["together"]
    assert together["photos"] == 3 and together["rounds"] == 3
    assert together["one_by_one"] > 0 and together["in_one_call"] > 0 and together["ratio"] > 0 and together["cpu_ratio"] > 0


def test_a_policy_that_looks_at_the_words_has_no_query():
    seconds = measured("--size", "64,64", "--short-side", 64, "--crop", 0, "--calls", 1, "--policy", "surgery")["seconds"]
    assert "new_words" not in seconds and "read" not in seconds
    seconds = measured("--size", "64,64", "--short-side", 64, "--crop", 0, "--calls", 1, "--refine", "pamr")["seconds"]
    assert "new_words" not in seconds


def test_the_table():
    text = succeed("bench", "latency", "--size", "64,48", "--short-side", 64, "--calls", 4, "-c", CLASSES, *BARE, "--together", 2).out
    head, table, rest = text.split("\n\n")
    assert "64×48 pixels" in head and "5 words" in head and "4 calls" in head
    rows = [line.split() for line in table.splitlines()]
    assert rows[0] == ["ms", "p50", "p90", "p99", "min", "max", "mad", "p99/p50"]
    assert [row[0] for row in rows[1:]] == ["call", "resize", "encode", "merge", "new"]
    assert "first call" in rest and "2 photos: one call each" in rest


def test_latency_refuses():
    assert "--size" in fail("bench", "latency")
    assert "--size" in fail("bench", "latency", CHINA, "--size", "10,10")
    assert "latency" in fail("bench", "speed", "--size", "10,10")
    assert "--calls" in fail("bench", "latency", "--size", "10,10", "--calls", 0)
    assert "--together" in fail("bench", "latency", "--size", "10,10", "--together", 1)
    assert "no-such.jpg" in fail("bench", "latency", "no-such.jpg", "-c", CLASSES, *BARE)


def test_kernels_beside_their_roofline(tmp_path):
    names = []
    for threads in (1, 2):
        out = succeed("bench", "kernels", "--filter", "l", "--rounds", 3, "--threads", threads, "--precision", "f32", "--json").out
        (tmp_path / f"{threads}.json").write_text(out)
        facts = json.loads(out)
        assert (facts["dtype"], facts["threads"]) == ("f32", threads)
        ceilings = facts["ceilings"]
        assert ceilings["bytes_per_second"] > 1e8 and ceilings["flops_per_second"] > 1e9
        for kernel in facts["kernels"]:
            s = kernel["seconds"]
            assert s["count"] == 3 and 0 < s["min"] <= s["p50"] <= s["max"], kernel
            assert kernel["bytes_per_second"] == pytest.approx(kernel["bytes"] / s["p50"])
            floor = max(kernel["bytes"] / ceilings["bytes_per_second"], kernel["flops"] / ceilings["flops_per_second"])
            assert kernel["roofline_share"] == pytest.approx(floor / s["p50"])
        by_name = {k["name"]: k for k in facts["kernels"]}
        # 8 windows of 197 rows through 768 → 3072, counted by hand.
        fc1 = by_name["linear-fc1"]
        assert fc1["flops"] == 2 * 8 * 197 * 768 * 3072
        assert fc1["bytes"] == 4 * (8 * 197 * (768 + 3072) + 768 * 3072 + 3072)
        assert all("l" in name for name in by_name)
        names.append(set(by_name))
    assert names[0] == names[1] and len(names[0]) > 10
    compared = json.loads(succeed("bench", "compare", tmp_path / "1.json", tmp_path / "2.json", "--json").out)
    assert not compared["same_setting"] and compared["only_one"] == []
    ratios = [k["ratio"] for k in compared["kernels"]]
    assert ratios == sorted(ratios)
    assert "The runs differ" in succeed("bench", "compare", tmp_path / "1.json", tmp_path / "2.json").out


def test_wrong_kernels_say_what_is_there(tmp_path):
    assert "attention-csa-197" in fail("bench", "kernels", "--filter", "no such kernel")
    assert "reads no file" in fail("bench", "kernels", CHINA)
    assert "--rounds" in fail("bench", "kernels", "--rounds", 0)
    assert "two files" in fail("bench", "compare", CHINA)
    (tmp_path / "a.json").write_text("[]")
    assert "a.json is not what" in fail("bench", "compare", tmp_path / "a.json", tmp_path / "a.json")
