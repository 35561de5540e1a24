"""What is known about a photo, as Arrow's columns."""
from __future__ import annotations

from typing import Any, Sequence

import pyarrow as pa  # type: ignore[import-not-found, import-untyped, unused-ignore]

from ..result import Result
from .outcomes import Outcome

# The fields of result.json.
CLASS = pa.struct([("id", pa.int32()), ("name", pa.string()), ("pixels", pa.int64()), ("share", pa.float64()),
                   ("mean_score", pa.float64()), ("max_score", pa.float32())])
FOUND = (("width", pa.int32()), ("height", pa.int32()), ("classes", pa.list_(CLASS)), ("error", pa.string()))


def classes_of(result: Result) -> list[dict[str, Any]]:
    return [{"id": i, "name": c.name, "pixels": c.pixels, "share": c.share, "mean_score": c.mean_score, "max_score": c.max_score}
            for i, c in enumerate(result.classes)]


def columns_of(outcomes: Sequence[Outcome]) -> dict[str, pa.Array]:
    """FOUND's columns, a row for each outcome; of a broken photo all but `error` are null."""
    values: dict[str, list[Any]] = {
        "width": [o.result and o.result.width for o in outcomes],
        "height": [o.result and o.result.height for o in outcomes],
        "classes": [o.result and classes_of(o.result) for o in outcomes],
        "error": [o.error for o in outcomes]}
    return {name: pa.array(values[name], kind) for name, kind in FOUND}
