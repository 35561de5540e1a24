"""What every process that computes is told, and the model it makes of that."""
from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray  # type: ignore[import-not-found, import-untyped, unused-ignore]

from ..model import Model, load
from ..words import ClassesLike


@dataclass(frozen=True)
class Settings:
    """classes: as in `Model.segment`. model, device, precision, cache: as in `sclip.load`; threads: None for as many as an actor
    has processors by Ray's count, and for all outside of actors. together: photos in a call. options: `Model.segment`'s."""
    classes: ClassesLike
    model: str
    device: str
    precision: str
    threads: int | None
    cache: str | None
    together: int
    options: dict[str, Any]

    def load(self, trial_words: str = "") -> Model:
        """A model that has its words ready, or the trial's where there are none, and has tried its options: what can never work is said
        here, and not for every photo."""
        if self.together < 1:
            raise ValueError(f"together is {self.together}; it is the number of photos in a call, at least 1")
        model = load(self.model, device=self.device, precision=self.precision, threads=self._threads(), cache=self.cache)
        model.segment(np.zeros((32, 32, 3), np.uint8), self.classes or trial_words, **self.options)
        return model

    def _threads(self) -> int:
        if self.threads is not None:
            return self.threads
        if not ray.is_initialized() or ray.get_runtime_context().get_actor_id() is None:
            return 0
        own = ray.get_runtime_context().get_assigned_resources()  # type: ignore[no-untyped-call, unused-ignore]
        return min(max(int(own.get("CPU", 1)), 1), os.cpu_count() or 1)


def settings_of(classes: ClassesLike, model: str | os.PathLike[str], device: str, precision: str, threads: int | None,
                cache: str | os.PathLike[str] | None, together: int, options: dict[str, Any]) -> Settings:
    """Paths are made absolute: a process elsewhere has another working folder."""
    path = os.fspath(model)
    here = path if path == "demo" and not os.path.exists(path) else os.path.abspath(path)
    return Settings(classes, here, device, precision, threads, None if cache is None else os.path.abspath(cache), together, options)
