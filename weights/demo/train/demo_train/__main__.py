"""python -m demo_train --data DIR --out demo.pt: trains the demo model, or goes on where an earlier run stopped."""
import argparse
import sys
import tomllib
from pathlib import Path

import torch

from .checkpoint import write_checkpoint
from .evaluate import figures, labelled_set
from .generated import write_set
from .photos import read_cache, write_cache
from .sources import Files
from .trainer import Trainer
from .views import Views
from .vocabulary import FOLDER, read_vocabulary
from .words_to_text import nearness, teach


def parse(arguments):
    parser = argparse.ArgumentParser(prog="demo_train", description=__doc__)
    parser.add_argument("--data", type=Path, help="the folder that holds what config.toml lists under [[source]]")
    parser.add_argument("--out", type=Path, required=True, help="the checkpoint to write, for sclip_convert --from openai")
    parser.add_argument("--work", type=Path, help="folder for decoded photographs, checkpoints and curves [default: OUT without .pt, -work]")
    parser.add_argument("--config", type=Path, default=FOLDER / "config.toml")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.KEY=VALUE", help="another value than the config's")
    parser.add_argument("--evaluate", action="append", default=[], metavar="NAME[:N]=DIR", help="measure on every Nth labelled photo of DIR now and then")
    parser.add_argument("--dry-run", action="store_true", help="a minute with made-up pictures, to see that everything works")
    parser.add_argument("--stop-after", type=int, metavar="STEPS", help="stop there, as if interrupted")
    return parser.parse_args(arguments)


def overlay(config: dict, other: dict) -> dict:
    return {**config, **{part: {**config[part], **value} if isinstance(value, dict) else value for part, value in other.items()}}


def read_config(options) -> dict:
    config = tomllib.loads(options.config.read_text())
    if options.dry_run:
        config = overlay(config, tomllib.loads((FOLDER / "dry_run.toml").read_text()))
    for setting in options.set:
        place, _, value = setting.partition("=")
        part, _, name = place.partition(".")
        if name not in config.get(part, {}):
            raise ValueError(f"--set {setting}: the config has no [{part}] {name}")
        config[part] = {**config[part], name: tomllib.loads(f"value = {value}")["value"]}
    return config


def main(arguments=None) -> int:
    options = parse(arguments)
    work = options.work or options.out.with_name(options.out.stem + "-work")
    work.mkdir(parents=True, exist_ok=True)

    def report(line):
        print(line, flush=True)
        with open(work / "log.txt", "a") as file:
            print(line, file=file)

    try:
        train(options, read_config(options), work, report)
    except (ValueError, OSError, ArithmeticError) as error:
        print(f"demo_train: error: {error}", file=sys.stderr)
        return 2
    return 0


def train(options, config, work, report):
    torch.set_num_threads(config["run"]["threads"])
    data, words = options.data, FOLDER / "words.txt"
    if options.dry_run:
        data, words = work / "made", FOLDER / "dry_run_words.txt"
        write_set(data / "train", 24, 1)
        write_set(data / "test", 6, 2)
        config["source"][0]["sha256"] = Files(data / "train").sha256()
        options.evaluate = [f"made={data / 'test'}"]
    elif data is None:
        raise ValueError("name the folder of the data sets with --data, or try --dry-run")
    vocabulary = read_vocabulary(words)
    write_cache(work, data, config, vocabulary, report=report)
    views = Views(read_cache(work, len(vocabulary)), vocabulary.names, config, config["run"]["seed"])
    held = sum(bool(numbers) for numbers in views.holding)
    report(f"{len(views.photos)} photographs, {held} of {len(vocabulary)} concepts, {sum(map(len, vocabulary.words))} words")
    sets = []
    for place in options.evaluate:
        name, _, folder = place.partition("=")
        name, _, every = name.partition(":")
        sets.append(labelled_set(name, Path(folder), vocabulary, int(every or 1)))
    trainer = Trainer(config, views, work, (lambda learner: figures(learner, sets, config)) if sets else None, report)
    report(f"image tower: {sum(p.numel() for p in trainer.learner.visual.parameters()) / 1e6:.2f} M parameters, {trainer.steps} steps of {trainer.batch} views")
    trainer.train(options.stop_after)
    if trainer.step < trainer.steps:
        report(f"stopped at step {trainer.step}; the same command goes on")
        return
    concepts = torch.nn.functional.normalize(trainer.average.concepts.detach(), dim=-1)
    tower, tokens = teach(config, vocabulary, concepts, report)
    report(f"words and their vectors: mean cosine {nearness(tower, tokens, vocabulary, concepts):.3f}")
    count = write_checkpoint(options.out, trainer.average, tower, tokens, config["text"]["scale"])
    options.out.with_suffix(".words").write_text(", ".join(word for group in vocabulary.words for word in group) + "\n")
    report(f"{options.out}: {count / 1e6:.2f} M parameters")


if __name__ == "__main__":
    sys.exit(main())
