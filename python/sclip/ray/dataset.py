"""A data set's masks and statistics, computed by many processes."""
from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray  # type: ignore[import-not-found, import-untyped, unused-ignore]

from ..words import ClassesLike, class_names
from .crew import Crew
from .folder import Folder, shards_of
from .photos import PhotosLike, list_photos
from .settings import settings_of
from .worker import Worker


@dataclass(frozen=True)
class Summary:
    """Of a run; photos that earlier runs finished are not in `photos`."""
    photos: int
    broken: int          # of these; their rows say why
    shards: int
    shards_before: int   # that earlier runs finished
    processes_lost: int  # that were replaced while they worked

    def __str__(self) -> str:
        said = f"{_counted(self.photos, 'photo')} in {_counted(self.shards, 'shard')}, {self.broken} of them broken"
        if self.shards_before:
            said += f"; {_counted(self.shards_before, 'shard')} done before"
        if self.processes_lost:
            said += f"; {_counted(self.processes_lost, 'process', 'processes')} replaced"
        return said


def _counted(count: int, one: str, several: str = "") -> str:
    return f"{count} {one if count == 1 else several or one + 's'}"


def segment_dataset(photos: PhotosLike, classes: ClassesLike, out: str | os.PathLike[str], *, workers: int | None = None,
                    num_cpus: float = 1, num_gpus: float = 0, shard_size: int = 64, together: int = 4, masks: bool = True,
                    tries: int = 3, model: str | os.PathLike[str] = "demo", device: str = "auto", precision: str = "auto",
                    threads: int | None = None, cache: str | os.PathLike[str] | None = None, progress: bool = False,
                    **options: Any) -> Summary:
    """Segments photos on a cluster of Ray and leaves masks and statistics in the folder `out`; called again, it goes on.

    photos: a folder, a picture or any number of them, at paths that every machine has; `out`, `model` and `cache` likewise.
    workers: processes, by default as many as the cluster has room for; each takes num_cpus and num_gpus of Ray's resources, computes with
    `threads` (by default num_cpus) and is handed shards of shard_size photos, of which `together` go into a call. tries: how often a
    shard is begun at most, where processes die under it. The rest is as in `sclip.load` and `Model.segment`.

    `out` then holds

        masks/STEM.mask.png         the bytes that `sclip segment` writes, under its names
        statistics/00000.parquet    a shard, a row a photo: path, mask (below masks/), width, height int32, classes list of {id, name,
                                    pixels, share, mean_score, max_score}, error: why there is no result, else null
        photos.parquet, dataset.json    what is to be done, and what it depends on

    A shard's file appears as a whole and last, and is the sign that the shard is done: a run that was stopped, or lost processes, leaves
    nothing out and nothing twice. Photos that `photos` did not hold before are added in new shards.

    Raises ValueError for words and options that can never work and for those with which the folder was not begun,
    FileNotFoundError where there is no photo, FileExistsError where `out` is something else, RuntimeError for shards that could not
    be done in `tries` and for a folder that another run has. One thread at a time calls it for a folder. Starts Ray on this machine,
    or joins RAY_ADDRESS, where the program has not."""
    if shard_size < 1 or tries < 1:
        raise ValueError(f"shard_size is {shard_size} and tries {tries}; both are at least 1")
    settings = settings_of(classes, model, device, precision, threads, cache, together, options)
    folder = Folder(Path(os.path.abspath(out)))
    listed = list_photos(photos, folder.root)
    with folder.own():
        words = classes if isinstance(classes, str) else class_names(classes)
        wanted = {"classes": words, "options": options, "masks": masks}
        folder.check(wanted)
        rows = folder.plan(listed, shard_size)
        plan, done = shards_of(rows), folder.done()
        missing = {number: group for number, group in plan.items() if number not in done}
        if not missing:
            return Summary(0, 0, 0, len(plan), 0)
        if not ray.is_initialized():
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            ray.init(logging_level=logging.WARNING)
        count = min(_room(num_cpus, num_gpus) if workers is None else workers, len(missing))
        if count < 1:
            raise ValueError(f"workers is {workers}; it is the number of processes, at least 1")
        kind: Any = ray.remote(num_cpus=num_cpus, num_gpus=num_gpus, max_restarts=0, max_task_retries=0)(Worker)
        begun = False

        def loaded(facts: dict[str, Any]) -> None:
            nonlocal begun
            folder.check(facts) if begun else folder.begin({**wanted, **facts}, rows)
            begun = True
        bar = _bar(sum(map(len, missing.values()))) if progress else None
        crew = Crew(lambda: kind.remote(settings, str(folder.root), masks), loaded, tries, bar)
        photo_count, broken = crew.run(missing, count)
        return Summary(photo_count, broken, len(missing), len(plan) - len(missing), crew.lost)


def _room(num_cpus: float, num_gpus: float) -> int:
    """Processes for which the cluster has resources now, at least 1: Ray's autoscaler may have to begin with none."""
    there = ray.cluster_resources()  # type: ignore[no-untyped-call, unused-ignore]
    rooms = [there.get(kind, 0) // each for kind, each in (("CPU", num_cpus), ("GPU", num_gpus)) if each > 0]
    return max(1, int(min(rooms, default=1)))


def _bar(total: int) -> Any:
    from tqdm import tqdm  # type: ignore[import-untyped,unused-ignore]
    return tqdm(total=total, unit=" photos")
