"""The process that computes shards of a data set."""
from __future__ import annotations

import itertools
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-not-found, import-untyped, unused-ignore]

from ..model import Model
from .folder import Folder, settle, write_whole
from .outcomes import Outcome, Photo, segment_each
from .settings import Settings
from .statistics import columns_of


class Worker:
    """Becomes an actor of Ray. A shard may be asked for again at any time, also while another process computes it: whoever is last
    renames the same bytes to the same names."""

    def __init__(self, settings: Settings, out: str, masks: bool):
        self._settings, self._folder, self._masks = settings, Folder(Path(out)), masks
        self._model: Model | None = None
        self._attempts = itertools.count()

    def facts(self) -> dict[str, Any]:
        """Loads the model and says what masks depend on besides what was asked for. Raises as `sclip.load` does."""
        model = self._loaded()
        return {"sha256": model.sha256, "device": model.device.split(":")[0], "precision": model.precision}

    def run(self, number: int, photos: list[tuple[str, str]]) -> tuple[int, int]:
        """Masks and statistics of a shard's photos, (path, mask) each; (photos, of which broken). Raises OSError where they cannot be
        written, and sclip.Error for a fault of the device."""
        for stale in self._folder.parts.glob(f"{number:05}-*"):  # of a process that was killed
            shutil.rmtree(stale, ignore_errors=True)
        part = self._folder.parts / f"{number:05}-{socket.gethostname()}-{os.getpid()}-{next(self._attempts)}"
        part.mkdir(parents=True)
        outcomes: list[Outcome] = []
        written: list[Path] = []
        settings = self._settings
        for outcome in segment_each(self._loaded(), (Photo(path) for path, _ in photos), settings.classes, settings.together,
                                    settings.options):
            mask = photos[len(outcomes)][1]
            if outcome.result is not None and self._masks:
                target = self._folder.masks / mask
                target.parent.mkdir(parents=True, exist_ok=True)
                (part / "mask.png").write_bytes(outcome.result.mask_png())
                os.replace(part / "mask.png", target)
                written.append(target)
            outcomes.append(outcome)
        table = pa.table({
            "path": pa.array([path for path, _ in photos], pa.string()),
            "mask": pa.array([mask if self._masks and not o.error else None for o, (_, mask) in zip(outcomes, photos)], pa.string()),
            **columns_of(outcomes)})
        settle(written)  # all at once: one by one they would be waited for, each
        write_whole(self._folder.shard(number), table, part / "statistics.parquet")
        shutil.rmtree(part, ignore_errors=True)
        return len(outcomes), sum(o.error is not None for o in outcomes)

    def _loaded(self) -> Model:
        if self._model is None:
            self._model = self._settings.load()
        return self._model
