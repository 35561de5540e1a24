"""Short runs of benchmarks/serve_trials.py, which runs the same at length."""
import importlib.util

import pytest
from cli_support import ROOT, pytestmark  # noqa: F401

spec = importlib.util.spec_from_file_location("serve_trials", ROOT / "benchmarks/serve_trials.py")
trials = importlib.util.module_from_spec(spec)
spec.loader.exec_module(trials)


@pytest.mark.parametrize("options", [(), ("--max-batch-windows", 1), ("--sessions", 3, "--max-delay-ms", 20, "--max-batch-windows", 64)])
def test_every_answer_is_the_commands_whatever_its_company(options):
    report = trials.load(requests=120, clients=24, cases=14, options=options)
    assert report["ok"], report
    if options == ():
        assert report["requests_a_batch"] > 1.05, report  # it was in company


def test_bad_requests_harm_nobody_else(tmp_path):
    files = [ROOT / "tests/data/photos/flower.jpg", ROOT / "README.md"]
    judged = [trials.judged(path, tmp_path / path.stem) for path in files]
    assert judged[0][2] is not None and judged[1][2] is None  # the command takes one, and refuses the other
    report = trials.abuse(requests=400, clients=6, photos=judged)
    assert report["ok"], report
    assert report["statuses"].get(400, 0) + report["statuses"].get(422, 0) > 100, report


def test_memory_stays():
    report = trials.steady(requests=400, warm=200, model=trials.TINY)
    # The long run holds it to 2%; a short one sees sizes for the first time.
    assert report["spread"] < 0.15 and report["mb_after_trim"] <= report["mb"], report
