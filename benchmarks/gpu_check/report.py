"""gpu.json, gpu.md, and the table on stdout: the same rows three times."""
import json
import math

SIMULATED = "ran under cudasim"


def title(facts):
    if facts["simulated"]:
        return f"Rehearsed under cudasim, {facts['date']}: no figure here is a GPU's"
    card = facts["card"]
    parts = [card.get("name", "unknown card (no nvidia-smi)")]
    for key, words in (("driver_version", "driver"), ("power.limit", "power limit"), ("clocks.sm", "SM clock as found"),
                       ("clocks.max.sm", "at most"), ("clocks.mem", "memory clock"), ("temperature.gpu", "temperature in °C")):
        if key in card:
            parts.append(f"{words} {card[key]}")
    return f"{', '.join(parts)}; {facts['date']}"


def lines_of(outcomes, simulated):
    """(part, what, value, note, command) for each row, and one for each step that did not end well."""
    parts = list(dict.fromkeys(outcome.step.part for outcome in outcomes))
    for outcome in sorted(outcomes, key=lambda outcome: parts.index(outcome.step.part)):
        for row in outcome.rows:
            hidden = simulated and row.timed and row.value is not None
            value = "–" if hidden or row.value is None else f"{spell(row.value)} {row.unit}".strip()
            note = SIMULATED if hidden else row.note
            yield outcome.step.part, row.what, value, f"WRONG; {note}" if row.wrong else note, row.command
        if outcome.status in ("failed", "not measured"):
            words = "FAILED" if outcome.status == "failed" else "not measured"
            yield outcome.step.part, outcome.step.name, words, outcome.reason, ""


def spell(value):
    if not math.isfinite(value):
        return "not a number"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) >= 1e-3 else f"{value:.1e}"


def plain(facts, outcomes):
    rows = [line[:4] for line in lines_of(outcomes, facts["simulated"])]
    widths = [max([len(row[i]) for row in rows], default=0) for i in range(3)]
    out, last = [title(facts), ""], None
    for part, what, value, note in rows:
        shown = part if part != last else ""
        last = part
        out.append(f"{shown:{widths[0]}}  {what:{widths[1]}}  {value:>{widths[2]}}  {note}".rstrip())
    return "\n".join([*out, "", summary(outcomes)])


def summary(outcomes):
    counts = {status: sum(o.status == status for o in outcomes) for status in ("passed", "measured", "failed", "not measured")}
    seconds = sum(o.seconds for o in outcomes)
    return f"{', '.join(f'{n} {status}' for status, n in counts.items())}; {seconds:.0f} s"


def markdown(facts, outcomes):
    out, last = [f"# {title(facts)}", "", summary(outcomes) + "."], None
    for part, what, value, note, command in lines_of(outcomes, facts["simulated"]):
        if part != last:
            out += ["", f"## {part}", "", "| what | value | note | command |", "|---|---|---|---|"]
            last = part
        cells = [cell.replace("|", "\\|") for cell in (what, value, note, f"`{command}`" if command else "")]
        out.append(f"| {' | '.join(cells)} |")
    return "\n".join(out) + "\n"


def as_json(facts, outcomes):
    simulated = facts["simulated"]
    steps = []
    for outcome in outcomes:
        rows = []
        for row in outcome.rows:
            entry = dict(vars(row))
            if simulated and entry["timed"]:
                entry["value"], entry["note"] = None, SIMULATED
            elif entry["value"] is not None and not math.isfinite(entry["value"]):
                entry["value"], entry["note"] = None, f"not a number; {entry['note']}"
            rows.append(entry)
        steps.append({"name": outcome.step.name, "part": outcome.step.part, "correctness": outcome.step.correctness,
                      "status": outcome.status, "reason": outcome.reason, "seconds": round(outcome.seconds, 3), "rows": rows})
    return json.dumps({**facts, "steps": steps}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write(folder, facts, outcomes):
    (folder / "gpu.json").write_text(as_json(facts, outcomes), encoding="utf-8")
    (folder / "gpu.md").write_text(markdown(facts, outcomes), encoding="utf-8")
