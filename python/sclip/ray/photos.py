"""Which photos a data set holds, and what their masks are called."""
from __future__ import annotations

import os
from pathlib import Path
from typing import Iterable, Iterator, Union

from ..batches import _SUFFIXES

# A folder, a picture, or any number of them.
PhotosLike = Union[str, "os.PathLike[str]", Iterable[Union[str, "os.PathLike[str]"]]]


def _below(folder: Path, out: Path) -> Iterator[Path]:
    """Pictures all the way down, without what is hidden and without the output folder."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith(".") and Path(root, f) != out)
        yield from (Path(root, f) for f in files if not f.startswith(".") and Path(f).suffix.lower() in _SUFFIXES)


def list_photos(photos: PhotosLike, out: Path) -> list[tuple[str, str]]:
    """(path, name below a folder of outputs) of each photo, each once: what is in folders sorted, the rest as given. Raises
    FileNotFoundError for what is not there and for a folder without a picture."""
    given = [photos] if isinstance(photos, (str, os.PathLike)) else list(photos)
    roots = [Path(os.path.abspath(one)) for one in given]
    several = sum(root.is_dir() for root in roots) > 1
    found: dict[str, str] = {}
    for root in roots:
        if not root.exists():
            raise FileNotFoundError(f"there is no photo and no folder {root}")
        if not root.is_dir():
            found.setdefault(str(root), root.name)
            continue
        for path in sorted(_below(root, out)):
            relative = path.relative_to(root)
            found.setdefault(str(path), str(Path(root.name) / relative if several else relative))
    if not found:
        raise FileNotFoundError(f"no picture in {', '.join(map(str, roots)) or 'an empty list'}: a folder is searched for files called like one "
                                f"({', '.join(sorted(_SUFFIXES))})")
    return list(found.items())


def mask_names(names: list[str], taken: set[str]) -> list[str]:
    """As `sclip segment` calls the masks of a folder: STEM.mask.png; photos that would share a name keep their extension, and those
    that still would get a number. Names that differ in case only are the same name. `taken` are lower-case names without the
    ending that earlier photos have; the new ones are added."""
    stems = [str(Path(name).with_suffix("")) for name in names]
    sharers: dict[str, int] = {}
    for stem in stems:
        sharers[stem.lower()] = sharers.get(stem.lower(), 0) + 1
    out = []
    for name, stem in zip(names, stems):
        first = name if sharers[stem.lower()] > 1 or stem.lower() in taken else stem
        chosen, number = first, 2
        while chosen.lower() in taken:
            chosen, number = f"{first}-{number}", number + 1
        taken.add(chosen.lower())
        out.append(f"{chosen}.mask.png")
    return out
