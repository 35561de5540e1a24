"""Processes and what each of them does."""
from __future__ import annotations

import warnings
from collections import deque
from typing import Any, Callable

import ray  # type: ignore[import-not-found, import-untyped, unused-ignore]

_PATIENCE_S = 60  # until it is said that no machine has room


class Crew:
    """Gives shards out. A process that dies or fails is replaced, and its shard is given out again; Ray itself repeats nothing.

    hire: makes a process, an actor with Worker's methods. loaded: is told the facts of each process before it gets a shard, and may
    raise. tries: how often a shard is begun at most. bar: tqdm's or None."""

    def __init__(self, hire: Callable[[], Any], loaded: Callable[[dict[str, Any]], None], tries: int, bar: Any):
        self._hire, self._loaded, self._tries, self._bar = hire, loaded, tries, bar
        self._busy: dict[Any, tuple[Any, int | None]] = {}  # an answer that is awaited -> who gives it, and of which shard
        self._tried: dict[int, int] = {}
        self._waiting: deque[int] = deque()
        self._given_up: dict[int, Exception] = {}
        self._loads_failed = 0
        self.lost = 0

    def run(self, shards: dict[int, list[tuple[str, str]]], workers: int) -> tuple[int, int]:
        """(photos, of which broken). Raises RuntimeError for shards that could not be done, when all others are."""
        self._waiting.extend(shards)
        photos = broken = 0
        try:
            for _ in range(workers):
                self._load()
            while self._waiting or any(number is not None for _, number in self._busy.values()):
                answered = self._next()
                actor, number = self._busy.pop(answered)
                try:
                    answer = ray.get(answered)
                except ray.exceptions.RayError as error:
                    self._replace(actor, number, error)
                    continue
                if number is None:
                    self._loads_failed = 0
                    self._loaded(answer)
                else:
                    photos, broken = photos + answer[0], broken + answer[1]
                    if self._bar is not None:
                        self._bar.update(answer[0])
                self._give(actor, shards)
        finally:
            for actor, _ in self._busy.values():
                ray.kill(actor)
            if self._bar is not None:
                self._bar.close()
        if self._given_up:
            first, fault = next(iter(self._given_up.items()))
            raise RuntimeError(f"{len(self._given_up)} of {len(shards)} shards could not be done in {self._tries} tries, the first of them "
                               f"{first} ({len(shards[first])} photos from {shards[first][0][0]} on): {_sentence(fault)}; all others "
                               "are done, and the next run tries these again")
        return photos, broken

    def _next(self) -> Any:
        """The next answer."""
        answered, _ = ray.wait(list(self._busy), timeout=_PATIENCE_S)
        if not answered:
            if all(number is None for _, number in self._busy.values()):
                free = ray.available_resources()  # type: ignore[no-untyped-call, unused-ignore]
                warnings.warn(f"no process has loaded its model within {_PATIENCE_S} s: the cluster may have no room for what one asks for; "
                              f"free are {free}", stacklevel=4)
            answered, _ = ray.wait(list(self._busy))
        return answered[0]

    def _load(self) -> None:
        """A process more. It is given shards when its model is loaded, so that one that finds no machine holds up none."""
        actor = self._hire()
        self._busy[actor.facts.remote()] = actor, None

    def _give(self, actor: Any, shards: dict[int, list[tuple[str, str]]]) -> None:
        if not self._waiting:
            ray.kill(actor)
            return
        number = self._waiting.popleft()
        self._tried[number] = self._tried.get(number, 0) + 1
        self._busy[actor.run.remote(number, shards[number])] = actor, number

    def _replace(self, actor: Any, number: int | None, error: Exception) -> None:
        ray.kill(actor)  # it may still live, if only its answer was lost
        self.lost += 1
        if number is None:
            self._judge_load(error)
        elif self._tried[number] < self._tries:
            self._waiting.appendleft(number)
        else:
            self._given_up[number] = error
        if self._waiting:
            self._load()

    def _judge_load(self, error: Exception) -> None:
        """What a model's loading refuses is raised at once; a process may die at it, as long as not all do."""
        cause = getattr(error, "cause", None)
        if isinstance(cause, (ValueError, TypeError, FileNotFoundError)):
            raise cause
        self._loads_failed += 1
        if self._loads_failed >= self._tries:
            raise RuntimeError(f"{self._loads_failed} processes in a row could not load the model: {_sentence(error)}") from error


def _sentence(error: Exception) -> str:
    lines = [line.strip() for line in str(getattr(error, "cause", None) or error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
