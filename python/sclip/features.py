"""A photo that the image tower has seen, for any words."""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _sclip
from .result import Result
from .words import ClassesLike

if TYPE_CHECKING:
    from .model import Model


class Features:
    """Made by `Model.features`. Immutable; any thread may use it."""

    def __init__(self, model: Model, native: _sclip.Features, photo: NDArray[np.uint8], order: str, options: dict[str, Any]):
        self._model, self._native, self._photo, self._order, self._options = model, native, photo, order, options

    def segment(self, classes: ClassesLike, **options: Any) -> Result:
        """What `Model.segment` gives for the photo and these words, in some milliseconds. Of the options logit_scale, prob_thd,
        ignore_label and area_thd may differ from those under which the photo was read."""
        bank = self._model.bank(classes)
        values = self._model.native_options({**self._options, **options})
        with self._model.session() as session:
            native = session.segment_features(self._native, bank, values)
        return Result(native, bank, self._photo, self._order)

    @property
    def values(self) -> NDArray[np.float32]:
        """(windows, h, w, E): unit vectors of the patches."""
        with self._model.session() as session:
            values: NDArray[np.float32] = session.feature_values(self._native, self._model.embed_dim)
        return values
