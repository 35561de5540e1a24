#!/usr/bin/env python3
"""Every read-out of the binary with and without PAMR on real labelled photos, with the bundled model: docs/results.md.

    benchmarks/results.py                      all photos; a night on two cores, goes on where it was interrupted
    benchmarks/results.py --limit 40           of each set, spread evenly: an hour
    benchmarks/results.py --limit 5 --write -  a look at it, printed

The photos are no part of the repository: CamVid's test part, MSRC v2, VOC 2012 with SBD masks and COCO with panoptic masks, from the
folder of --data. A set that is not there is left out, and the page says so.
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tarfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
# name, title, the archive below --data or None, the folder, sclip's name of the set
SETS = [
    ("camvid", "CamVid test", None, "camvid", "camvid"),
    ("msrc_v2", "MSRC v2", "sets/msrc_v2_a.tar", "msrc_v2", "msrc_v2"),
    ("voc21", "VOC, SBD masks", "sets/voc21.tar", "voc21", "voc21"),
    ("coco", "COCO panoptic", "sets/coco128_train.tar", "coco128_panoptic", "folder"),
]


# A part that takes seconds.
SUBSET = {"policy": "clip,maskclip,sclip", "refine": "none", "limit": 20, "precision": "f32"}
SUBSET_TITLE = "## Twenty photos of CamVid"
SUBSET_COMMAND = "sclip eval --dataset camvid --root camvid " + " ".join(f"--{key} {value}" for key, value in SUBSET.items())


def set_folder(options, archive, folder):
    """Where the photos lie, unpacked once; None where they are not there."""
    if archive is None:
        return options.data / folder if (options.data / folder).is_dir() else None
    if not (options.work / folder).is_dir():
        if not (options.data / archive).is_file():
            return None
        with tarfile.open(options.data / archive) as tar:
            tar.extractall(options.work / "unpacked", filter="data")
        (options.work / "unpacked" / folder).rename(options.work / folder)
    return options.work / folder


def plain_names(classes):
    """COCO's names as words: "sky-other-merged" is called sky, "wall-brick" wall brick."""
    lines = []
    for line in classes.read_text().splitlines():
        number, _, name = line.partition(" ")
        for ending in ("-merged", "-other", "-stuff"):
            name = name.removesuffix(ending)
        lines.append(f"{number} {name.replace('-', ' ')}")
    classes.write_text("\n".join(lines) + "\n")


def evaluate(options, name, folder, data_set, **other):
    chosen = {"policy": options.policy, "refine": options.refine, "limit": options.limit, "precision": options.precision, **other}
    out = options.work / f"{name}-{chosen['limit'] or 'all'}"
    command = [options.build / "sclip", "eval", "--dataset", data_set, "--root", folder, "--jobs", options.jobs, "--pictures", 1, "-o", out]
    for key, value in chosen.items():
        command += [f"--{key}", value]
    if options.model:
        command += ["--model", options.model]
    done = subprocess.run([str(part) for part in command])
    if done.returncode not in (0, 2) or not (out / "report.json").is_file():
        sys.exit(f"{data_set}: sclip eval ended with {done.returncode}")
    return json.loads((out / "report.json").read_text())


def percent(share):
    return "–" if share is None else f"{100 * share:.1f}"


def table(columns, rows, figure):
    """The largest of each column in bold; the last column is the mean of those there are."""
    best = {}
    for column in columns:
        values = [v for row in rows if (v := figure(row, column)) is not None]
        best[column] = max(values, default=None)
    lines = ["| read-out | " + " | ".join(columns) + " | mean |", "|---|" + "---:|" * (len(columns) + 1)]
    for row in rows:
        values = [figure(row, column) for column in columns]
        cells = [f"**{percent(v)}**" if v is not None and v == best[c] else percent(v) for c, v in zip(columns, values)]
        mean = None if None in values or not values else sum(values) / len(values)
        lines.append(f"| {row} | " + " | ".join(cells) + f" | {percent(mean)} |")
    return "\n".join(lines)


def subset_table(report):
    """What tests/python/test_evaluation.py repeats where CamVid is there."""
    rows = [f"| {r['policy']} | {100 * r['mean_iou']:.2f} |" for r in report["data_sets"][0]["results"]]
    return "\n".join([SUBSET_TITLE, "", f"`{SUBSET_COMMAND}`", "", "| read-out | mIoU |", "|---|---:|", *rows]) + "\n"


def page(options, reports, absent):
    columns = list(reports)
    found, policies, first = {}, [], next(iter(reports.values()))
    for title, report in reports.items():
        for result in report["data_sets"][0]["results"]:
            found[title, result["policy"], result["refine"]] = result["mean_iou"]
            if result["policy"] not in policies:
                policies.append(result["policy"])
    refinements = [r for r in ("none", "pamr") if any(key[2] == r for key in found)]
    photos = ", ".join(f"{title} {report['data_sets'][0]['results'][0]['photos']}" for title, report in reports.items())
    limit = f" --limit {options.limit}" if options.limit else ""
    text = f"""# Results

mIoU in percent of every read-out on real photos, with the model {first["model"]["name"]} that the repository holds. It is small and
weak: the figures compare read-outs with each other, and say nothing of ViT-B/16. `benchmarks/results.py{limit}` makes this page; the
photos are no part of the repository. Photos: {photos}. Activations {first["device"]["precision"]}. Words are the data sets' class names (COCO's without
"-merged", "-other" and "-stuff"), VOC's the published list; words that the model was not trained on mean nothing to it; numbers are the data set's configuration or the defaults.
"""
    names = {"none": "Without refinement", "pamr": "With PAMR"}
    for refine in refinements:
        text += f"\n## {names[refine]}\n\n" + table(columns, policies, lambda p, c: found.get((c, p, refine))) + "\n"
    text += "\n## What it shows\n\n"
    for refine in refinements[:1]:
        for title in columns:
            order = sorted((p for p in policies if found.get((title, p, refine)) is not None), key=lambda p: -found[title, p, refine])
            if len(order) > 1:
                text += (f"- {title}: {order[0]} is best with {percent(found[title, order[0], refine])}, "
                         + (f"then {order[1]} with {percent(found[title, order[1], refine])}; " if len(order) > 2 else "")
                         + f"{order[-1]} is last with {percent(found[title, order[-1], refine])}.\n")
    constants = []
    for title, report in reports.items():
        truth = [sum(row) for row in report["data_sets"][0]["results"][0]["confusion"]]
        there = sum(n > 0 for n in truth)
        constants.append(f"{title} {100 * max(truth) / sum(truth) / there:.1f}")
    text += f"- The most frequent class everywhere would have {'; '.join(constants)}: what is not above that sees nothing.\n"
    if len(refinements) == 2:
        gains = [(found[c, p, "pamr"] - found[c, p, "none"], c, p) for c in columns for p in policies
                 if found.get((c, p, "pamr")) is not None and found.get((c, p, "none")) is not None]
        if gains:
            up = sum(g > 0 for g, _, _ in gains)
            text += (f"- PAMR raises mIoU in {up} of {len(gains)} cases, by {100 * sum(g for g, _, _ in gains) / len(gains):+.1f} points on average; "
                     f"most on {max(gains)[1]} with {max(gains)[2]} ({100 * max(gains)[0]:+.1f}), least on {min(gains)[1]} with {min(gains)[2]} "
                     f"({100 * min(gains)[0]:+.1f}).\n")
    if "sclip" in policies and "clip" in policies:
        lead = [found[c, "sclip", refinements[0]] - found[c, "clip", refinements[0]] for c in columns]
        text += f"- sclip stands {', '.join(f'{100 * v:+.1f}' for v in lead)} points from clip ({', '.join(columns)}).\n"
    skipped = {}  # why, of which read-out → the sets
    for title, report in reports.items():
        for line in report["skipped"]:
            way, _, why = line.partition(": ")
            skipped.setdefault((way.split(" on ")[0], why), {})[title] = None
    for (way, why), titles in skipped.items():
        text += f"- Not run: {way} on {'; '.join(titles)}: {why}\n"
    for title in absent:
        text += f"- {title} was not there when this page was made.\n"
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=ROOT.parent / "shared/data")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / "build/results", help="unpacked photos, and what eval keeps")
    parser.add_argument("--write", default=str(ROOT / "docs/results.md"), help="the page, or - to print it")
    parser.add_argument("--policy", default="all")
    parser.add_argument("--refine", default="none,pamr")
    parser.add_argument("--limit", type=int, default=0, help="photos of each set, spread evenly; 0: all")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--model", default="", help="other weights than the bundled ones")
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path(os.environ.get("SCLIP_BUILD", ROOT / "build")))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    reports, absent = {}, []
    for name, title, archive, folder, data_set in SETS:
        place = set_folder(options, archive, folder)
        if place is None:
            absent.append(title)
            print(f"{title}: not in {options.data}", file=sys.stderr)
        else:
            if name == "coco":
                plain_names(place / "classes.txt")
            reports[title] = evaluate(options, name, place, data_set)
    if not reports:
        sys.exit(f"none of the sets is in {options.data}")
    text = page(options, reports, absent)
    camvid = set_folder(options, *SETS[0][2:4])
    if camvid is not None:
        text += "\n" + subset_table(evaluate(options, "subset", camvid, "camvid", **SUBSET))
    if options.write == "-":
        print(text, end="")
    else:
        pathlib.Path(options.write).write_text(text)


if __name__ == "__main__":
    main()
