"""Runs steps one after another until the time is out. Every step leaves an outcome: none is hidden."""
import sys
import time
import traceback
from dataclasses import dataclass, field

from .machine import tool_refusal
from .step import Failed, NotMeasured

LEAST = 3.0  # seconds: a step that would get less is not begun


@dataclass
class Outcome:
    step: object
    status: str  # passed, measured, failed, not measured
    reason: str = ""
    rows: list = field(default_factory=list)
    seconds: float = 0.0


def run_steps(steps, bench, budget, after_each=lambda outcomes: None):
    began, outcomes = time.monotonic(), []
    for step in steps:
        spent = time.monotonic() - began
        outcome = _refused(step, bench, spent, budget) or _run(step, bench, budget - spent)
        outcomes.append(outcome)
        reason = f": {outcome.reason}" if outcome.reason else ""
        print(f"  {step.name}: {outcome.status}{reason} ({outcome.seconds:.1f} s)", file=sys.stderr, flush=True)
        after_each(outcomes)
    return outcomes


def _refused(step, bench, spent, budget):
    if not step.quick and not bench.full:
        return Outcome(step, "not measured", "--quick leaves it out")
    if bench.simulated and step.device_only:
        return Outcome(step, "not measured", step.device_only)
    missing = [reason for reason in map(tool_refusal, step.needs) if reason]
    if missing:
        return Outcome(step, "not measured", "; ".join(missing))
    if budget - spent < LEAST:
        return Outcome(step, "not measured",
                       f"the time was out: {spent:.0f} of {budget:.0f} s were spent when its turn came")
    return None


def _run(step, bench, left):
    began = time.monotonic()
    bench.ends = began + (left if bench.simulated else min(step.limit, left))
    bench.log = bench.out / "logs" / f"{step.name.replace(' ', '-').replace('/', '-')}.log"
    bench.log.parent.mkdir(parents=True, exist_ok=True)
    outcome = Outcome(step, "passed" if step.correctness else "measured")
    try:
        for row in step.run(bench):
            outcome.rows.append(row)
        wrong = [row.what for row in outcome.rows if row.wrong]
        if wrong:
            raise Failed(f"{', '.join(wrong)}: see {bench.log}")
        if not outcome.rows:
            raise Failed("it gave no figure")
    except NotMeasured as reason:
        outcome.status, outcome.reason = "not measured", str(reason)
    except Failed as reason:
        outcome.status, outcome.reason = "failed", str(reason)
    except Exception as error:  # whatever it is, the other steps are worth having
        outcome.status, outcome.reason = "failed", f"its answer was not understood ({type(error).__name__}: {error}); see {bench.log}"
        with open(bench.log, "a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
    outcome.seconds = time.monotonic() - began
    return outcome


def exit_code(outcomes, simulated):
    """1 when a check of correctness failed, or one of those that every run has was not made; under cudasim, where figures mean
    nothing, when anything failed."""
    def bad(outcome):
        checked = outcome.step.correctness
        return outcome.status == "failed" and (simulated or checked) or outcome.status == "not measured" and checked and outcome.step.quick
    return int(any(map(bad, outcomes)))
