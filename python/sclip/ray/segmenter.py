"""A step of a pipeline of Ray Data."""
from __future__ import annotations

import os
from typing import Any, Mapping

import numpy as np
import pyarrow as pa  # type: ignore[import-not-found, import-untyped, unused-ignore]

from ..words import ClassesLike
from .outcomes import Photo, segment_each
from .settings import settings_of
from .statistics import columns_of


class Segmenter:
    """For `Dataset.map_batches`: Ray makes one in each actor, and with it a model.

        dataset.map_batches(sclip.ray.Segmenter, fn_constructor_kwargs={"classes": "sky; tree"}, num_cpus=2,
                            compute=ray.data.ActorPoolStrategy(size=4), batch_size=32)

    A batch is what Ray hands over in any of its formats, with a column "path" (text), or "bytes" (a picture file's content) and
    maybe "path" beside it. The answer is an Arrow table with a row for each row: all columns but "bytes", and

        width, height  int32
        classes        list of {id int32, name string, pixels int64, share float64, mean_score float64, max_score float32}
        error          string: why there is no result; null where there is one, and all others are null where it is not
        mask           binary, with masks=True: the PNG that the command writes

    Making one raises as `sclip.load` and `Model.segment` do (ValueError for words and options that can never work); a batch without
    such a column raises KeyError; a photo that cannot be read is a row. A fault of the device is raised, for Ray to try again
    elsewhere. One thread at a time calls it, as Ray does."""

    def __init__(self, classes: ClassesLike, *, model: str | os.PathLike[str] = "demo", device: str = "auto", precision: str = "auto",
                 threads: int | None = None, cache: str | os.PathLike[str] | None = None, together: int = 4, masks: bool = False,
                 **options: Any):
        self._settings = settings_of(classes, model, device, precision, threads, cache, together, options)
        self._model = self._settings.load()
        self._masks = masks

    def __call__(self, batch: Any) -> pa.Table:
        table = _table_of(batch)
        if not {"path", "bytes"} & set(table.column_names):
            raise KeyError(f"photos come in a column 'path' or 'bytes'; the columns here are {', '.join(table.column_names) or 'none'}")
        outcomes = list(segment_each(self._model, _photos_of(table), self._settings.classes, self._settings.together,
                                     self._settings.options))
        found = columns_of(outcomes)
        if self._masks:
            found["mask"] = pa.array([o.result and o.result.mask_png() for o in outcomes], pa.binary())
        kept = {name: table.column(name) for name in table.column_names if name != "bytes" and name not in found}
        return pa.table({**kept, **found})


def _table_of(batch: Any) -> pa.Table:
    if isinstance(batch, pa.Table):
        return batch
    if not isinstance(batch, Mapping):  # pandas'
        return pa.Table.from_pandas(batch, preserve_index=False)
    columns = {}
    for name, values in batch.items():
        array = np.asarray(values)
        if array.ndim != 1:
            raise ValueError(f"the column '{name}' has {array.ndim} axes, which a table of Arrow does not hold as they are: "
                             "give map_batches batch_format=\"pyarrow\", or drop the column before")
        columns[name] = pa.array(array.tolist())
    return pa.table(columns)


def _photos_of(table: pa.Table) -> list[Photo]:
    names = table.column_names
    paths = table.column("path").to_pylist() if "path" in names else ["a picture in memory"] * table.num_rows
    contents = table.column("bytes").to_pylist() if "bytes" in names else [None] * table.num_rows
    return [Photo(str(path), content) for path, content in zip(paths, contents)]
