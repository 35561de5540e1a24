"""The folder that a data set's masks and statistics are written to, and how a later run knows what is done.

    dataset.json                what the masks depend on: a later run must agree
    photos.parquet              shard, path, mask of each photo: what is to be done, in an order that stays
    statistics/00007.parquet    a shard that is done; it is renamed to this name last
    masks/STEM.mask.png
    .part/00007-HOST-PID-N/     a shard that is being done by a process
"""
from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
import os
import shutil
from pathlib import Path
from typing import Any, Iterable, Iterator

import pyarrow as pa  # type: ignore[import-not-found, import-untyped, unused-ignore]
import pyarrow.parquet as pq  # type: ignore[import-not-found, import-untyped, unused-ignore]

from .. import __version__
from .photos import mask_names

_PHOTOS = pa.schema([("shard", pa.int32()), ("path", pa.string()), ("mask", pa.string())])


def settle(paths: Iterable[Path]) -> None:
    """Returns when files and their names would outlast a loss of power."""
    paths = list(paths)
    for path in [*paths, *{path.parent for path in paths}]:
        opened = os.open(path, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def write_whole(path: Path, content: bytes | pa.Table, part: Path) -> None:
    """The file is there as a whole or not at all: written as `part`, then renamed."""
    if isinstance(content, bytes):
        part.write_bytes(content)
    else:
        pq.write_table(content, part)
    settle([part])
    os.replace(part, path)
    settle([path])


class Folder:
    """Paths of a data set's folder. What differs between processes is in the names of their parts only."""

    def __init__(self, root: Path):
        self.root = root
        self.masks, self.statistics, self.parts = root / "masks", root / "statistics", root / ".part"

    def shard(self, number: int) -> Path:
        return self.statistics / f"{number:05}.parquet"

    def done(self) -> set[int]:
        return {int(path.stem) for path in self.statistics.glob("[0-9]*.parquet")}

    @contextlib.contextmanager
    def own(self) -> Iterator[None]:
        """Makes the folder and keeps other runs out of it while this one lives. Raises FileExistsError for a folder that holds
        something else, and RuntimeError while another run has it."""
        self.root.mkdir(parents=True, exist_ok=True)
        others = sorted(p.name for p in self.root.iterdir() if p.name not in (".lock", ".part"))
        if others and not (self.root / "dataset.json").exists():
            raise FileExistsError(f"{self.root} holds {others[0]} and is no data set of sclip: name a folder that is new or empty")
        with (self.root / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RuntimeError(f"another run writes to {self.root}: wait for it, or end it") from None
            self._clear_parts()
            try:
                yield
            finally:
                self._clear_parts()

    def _clear_parts(self) -> None:
        shutil.rmtree(self.parts, ignore_errors=True)

    def check(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """What the folder's earlier runs were told, and `wanted` besides. Raises ValueError where the two differ."""
        path = self.root / "dataset.json"
        begun: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        wanted = json.loads(json.dumps(wanted))
        for name, value in wanted.items():
            if name in begun and begun[name] != value:
                raise ValueError(f"{self.root} was begun with {name} {begun[name]!r}, and this run has {value!r}: "
                                 "go on with the first, or name another folder")
        return {**wanted, **begun}

    def plan(self, photos: list[tuple[str, str]], shard_size: int) -> list[dict[str, Any]]:
        """Rows of photos.parquet. What earlier runs planned stays as it is; photos that they did not have come behind, in shards of
        their own."""
        path = self.root / "photos.parquet"
        old: list[dict[str, Any]] = pq.read_table(path).to_pylist() if path.exists() else []
        known = {row["path"] for row in old}
        new = [(source, name) for source, name in photos if source not in known]
        names = mask_names([name for _, name in new], {row["mask"].removesuffix(".mask.png").lower() for row in old})
        first = 1 + max((row["shard"] for row in old), default=-1)
        return old + [{"shard": first + i // shard_size, "path": source, "mask": name}
                      for i, ((source, _), name) in enumerate(zip(new, names))]

    def begin(self, wanted: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        """Before the first shard is given out: later runs find what this one was told, and its photos in this order."""
        self.parts.mkdir(exist_ok=True)
        text = {"software": "sclip", "version": __version__, **self.check(wanted)}
        write_whole(self.root / "dataset.json", (json.dumps(text, indent=1, ensure_ascii=False) + "\n").encode(), self.parts / "dataset.json")
        write_whole(self.root / "photos.parquet", pa.Table.from_pylist(rows, _PHOTOS), self.parts / "photos.parquet")
        self.statistics.mkdir(exist_ok=True)


def shards_of(rows: list[dict[str, Any]]) -> dict[int, list[tuple[str, str]]]:
    """(path, mask) of the photos of each shard."""
    return {number: [(row["path"], row["mask"]) for row in group]
            for number, group in itertools.groupby(rows, lambda row: row["shard"])}
