"""`sclip plan`, `--protocol` and `--budget-ms`: what a photo will take, and choosing by it."""
import re

from cli_support import BARE, CHINA, CLASSES, fail, pytestmark, result, succeed  # noqa: F401


def lines(text):
    return {line[:16].strip(): line[16:] for line in text.splitlines()}


def test_plan_tells_what_segment_does(tmp_path):
    for options in ((), ("--protocol", "table4-1"), ("--short-side", 200, "--crop", 0), ("--stride", 112)):
        planned = lines(succeed("plan", CHINA, "--no-timing", *options).out)
        succeed("segment", CHINA, "--classes", CLASSES, *BARE, *options, "--outputs", "json", "-o", tmp_path)
        facts = result(tmp_path)
        windows = int(planned["windows"].split()[0])
        assert windows == facts["windows"], options
        assert f"resized to {facts['resized']['width']}×{facts['resized']['height']}" in planned["photo"], options
        assert "predicted" not in planned


def test_plan_of_a_size_is_that_of_the_photo():
    assert succeed("plan", "--size", "640,427", "--no-timing").out == succeed("plan", CHINA, "--no-timing").out


def test_plan_predicts():
    planned = lines(succeed("plan", CHINA, "--policy", "naclip", "--precision", "f32", "-c", CLASSES).out)
    assert "5 words" in planned["memory"]  # four classes, one of them with a synonym
    assert "naclip" in planned["measured"] and "f32" in planned["measured"]
    assert float(re.match(r"([\d.]+) ms", planned["predicted"])[1]) > 0


def test_plan_refuses():
    assert "--size" in fail("plan")
    assert "--size" in fail("plan", CHINA, "--size", "10,10")
    assert "table4-6" in fail("plan", CHINA, "--protocol", "table4-6", "--no-timing")
    assert "smaller than a patch" in fail("plan", "--size", "4000,10", "--short-side", 5, "--no-timing")


def test_protocol_is_table_4(tmp_path):
    for number, sizes in enumerate(((224, 224, 112), (336, 224, 112), (336, 336, 112), (448, 224, 112), (448, 448, 224)), 1):
        succeed("segment", CHINA, "--config", "voc20", "-c", CLASSES, *BARE, "--protocol", f"table4-{number}", "--policy", "maskclip",
                "--outputs", "json", "-o", tmp_path)
        options = result(tmp_path)["options"]
        assert (options["short_side"], options["crop"], options["stride"]) == sizes


def test_budget_chooses_and_says_so(tmp_path):
    # Ten minutes suffice for the usual stride on any machine; what is given stays.
    done = succeed("segment", CHINA, "-c", CLASSES, *BARE, "--outputs", "json", "-o", tmp_path / "a", "--budget-ms", 600000)
    assert "a stride of 56" in done.err and "f32" in done.err
    facts = result(tmp_path / "a")
    assert facts["options"]["stride"] == 56 and facts["device"]["precision"] == "f32"
    assert f"{facts['windows']} windows" in done.err
    done = succeed("segment", CHINA, "-c", CLASSES, *BARE, "--outputs", "json", "-o", tmp_path / "b", "--budget-ms", 600000,
                   "--stride", 100, "--window-batch", 3)
    assert "a stride of 100" in done.err and "3 windows a forward" in done.err
    assert result(tmp_path / "b")["options"]["stride"] == 100


def test_budget_that_nothing_keeps(tmp_path):
    message = fail("segment", CHINA, "-c", CLASSES, *BARE, "-o", tmp_path, "--budget-ms", 0.001)
    assert "fastest" in message and "ms" in message
    assert not list(tmp_path.iterdir())
    assert "standard input" in fail("segment", "-", "-c", CLASSES, *BARE, "-o", tmp_path, "--budget-ms", 1000)
