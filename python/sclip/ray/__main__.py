"""python -m sclip.ray: a data set on a cluster, from a shell."""
from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import ray  # type: ignore[import-not-found, import-untyped, unused-ignore]

from .. import Error
from .dataset import segment_dataset


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is no NAME=VALUE")
    try:
        return name, json.loads(value)  # numbers, true and false
    except ValueError:
        return name, value


def parser() -> argparse.ArgumentParser:
    out = argparse.ArgumentParser(prog="python -m sclip.ray", description="Segment photos on a cluster of Ray: RAY_ADDRESS, or this machine. "
                                  "Called again, it goes on where it was interrupted.")
    out.add_argument("photos", nargs="*", metavar="PHOTO", help="pictures, or folders of pictures")
    out.add_argument("--files-from", metavar="FILE", help="a file with a photo's path a line")
    out.add_argument("-c", "--classes", required=True, metavar="NAMES", help="\"sky; tree, trees\", or a built-in list")
    out.add_argument("-o", "--out", required=True, metavar="FOLDER", help="for masks and statistics, seen by every machine")
    out.add_argument("-m", "--model", default="demo", metavar="FILE", help="weights (.sclip), seen by every machine")
    out.add_argument("--device", default="auto")
    out.add_argument("--precision", default="auto")
    out.add_argument("--workers", type=int, metavar="N", help="processes [default: as many as there is room for]")
    out.add_argument("--cpus", type=float, default=1, metavar="N", help="of each process [default: 1]")
    out.add_argument("--gpus", type=float, default=0, metavar="N", help="of each process [default: 0]")
    out.add_argument("--shard-size", type=int, default=64, metavar="N", help="photos of a Parquet file [default: 64]")
    out.add_argument("--together", type=int, default=4, metavar="N", help="photos in a call [default: 4]")
    out.add_argument("--cache", metavar="FOLDER", help="where embeddings of words are kept")
    out.add_argument("--no-masks", action="store_true", help="statistics only")
    out.add_argument("--option", type=_option, action="append", default=[], metavar="NAME=VALUE",
                     help="of Model.segment: prob_thd=0.4, policy=naclip, …; repeat it")
    out.add_argument("-q", "--quiet", action="store_true")
    return out


def main(arguments: list[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    photos = list(given.photos)
    try:
        if given.files_from:
            with open(given.files_from, encoding="utf-8") as lines:
                photos += [line.rstrip("\n") for line in lines if line.strip()]
        summary = segment_dataset(photos, given.classes, given.out, workers=given.workers, num_cpus=given.cpus, num_gpus=given.gpus,
                                  shard_size=given.shard_size, together=given.together, masks=not given.no_masks, model=given.model,
                                  device=given.device, precision=given.precision, cache=given.cache, **dict(given.option))
    except KeyboardInterrupt:
        print("sclip.ray: interrupted; finished shards stay, and the same command goes on with the rest", file=sys.stderr)
        return 130
    except (Error, OSError, ValueError, TypeError, RuntimeError, MemoryError) as error:
        print(f"sclip.ray: {error}", file=sys.stderr)
        return 2
    if not given.quiet:
        print(summary)
    return 0


if __name__ == "__main__":
    code = main()
    if ray.is_initialized():
        ray.shutdown()
    sys.exit(code)
