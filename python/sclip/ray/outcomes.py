"""Photos of which some may be broken."""
from __future__ import annotations

import itertools
import os
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Iterable, Iterator, Union

import numpy as np
from numpy.typing import NDArray

from .. import _sclip
from ..model import Model
from ..result import Result
from ..words import ClassesLike


@dataclass(frozen=True)
class Photo:
    """A path, or the bytes of a file that is called `path` where something is said about it."""
    path: str
    content: bytes | None = None


@dataclass(frozen=True)
class Outcome:
    """What was found, or the sentence that says why nothing was."""
    result: Result | None
    error: str | None


Pixels = NDArray[np.uint8]
_READERS = 4  # photos of a call that are decoded side by side


def read(photo: Photo) -> Union[Pixels, str]:
    """(H, W, 3) RGB, or the sentence that says why there is no picture."""
    try:
        if photo.content is None:
            return _sclip.load_picture(photo.path)
        return _sclip.decode_picture(photo.content, photo.path)
    except (_sclip.Error, OSError, ValueError, MemoryError) as error:
        return str(error)


def segment_read(model: Model, photos: list[Union[Pixels, str]], classes: ClassesLike, options: dict[str, Any]) -> list[Outcome]:
    """Those that were read go into one call. If that is too much, or wrong for one of them, each is asked alone, so that the others
    lose nothing. A fault of the device is no photo's: it is raised."""
    pixels = [photo for photo in photos if not isinstance(photo, str)]
    try:
        found = iter([Outcome(result, None) for result in model.segment_batch(pixels, classes, **options)] if pixels else [])
    except (ValueError, MemoryError) as error:
        if len(pixels) == 1:
            found = iter([Outcome(None, str(error))])
        else:
            found = iter([segment_read(model, [one], classes, options)[0] for one in pixels])
    return [Outcome(None, photo) if isinstance(photo, str) else next(found) for photo in photos]


def segment_each(model: Model, photos: Iterable[Photo], classes: ClassesLike, together: int, options: dict[str, Any]) -> Iterator[Outcome]:
    """An outcome for each photo, in order; `together` go into a call, and the next ones are decoded meanwhile."""
    rest = iter(photos)
    with ThreadPoolExecutor(min(together, _READERS, os.cpu_count() or 1)) as pool:
        def start() -> list[Future[Union[Pixels, str]]]:
            return [pool.submit(read, photo) for photo in itertools.islice(rest, together)]
        reading = start()
        while reading:
            following = start()
            yield from segment_read(model, [future.result() for future in reading], classes, options)
            reading = following
