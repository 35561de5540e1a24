"""Many photos, some at a time."""
from __future__ import annotations

import itertools
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterable, Iterator

from .images import ImageLike, pixels_of
from .result import Result
from .words import ClassesLike

if TYPE_CHECKING:
    from .model import Model

_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".heic", ".avif", ".ppm", ".pgm"}


def _chunks(items: Iterable[ImageLike], size: int) -> Iterator[list[ImageLike]]:
    iterator = iter(items)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


def segment_all(model: Model, images: Iterable[ImageLike], classes: ClassesLike, batch: int, progress: bool,
                options: dict[str, Any]) -> Iterator[tuple[ImageLike, Result]]:
    if batch < 1:
        raise ValueError(f"batch is {batch}; it is the number of photos in a call, at least 1")
    if progress:
        from tqdm import tqdm  # type: ignore[import-untyped,unused-ignore]
        images = tqdm(images, unit=" photos")
    # The next photos are decoded while these are computed.
    with ThreadPoolExecutor(1) as reader:
        def read(chunk: list[ImageLike]) -> list[Any]:
            return [pixels_of(image) for image in chunk]
        chunks = _chunks(images, batch)
        chunk = next(chunks, None)
        reading = None if chunk is None else reader.submit(read, chunk)
        while chunk is not None and reading is not None:
            photos = reading.result()
            following = next(chunks, None)
            reading = None if following is None else reader.submit(read, following)
            yield from zip(chunk, model.segment_batch(photos, classes, **options))
            chunk = following


def segment_folder(model: Model, folder: str | os.PathLike[str], classes: ClassesLike, batch: int, progress: bool,
                   options: dict[str, Any]) -> Iterator[tuple[Path, Result]]:
    root = Path(folder)
    if not root.is_dir():
        raise NotADirectoryError(f"{root} is no folder")
    paths = sorted(p for p in root.rglob("*") if p.suffix.lower() in _SUFFIXES and p.is_file())
    for path, (_, result) in zip(paths, segment_all(model, paths, classes, batch, progress, options)):
        yield path, result
