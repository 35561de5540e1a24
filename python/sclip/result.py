"""What a segmentation found."""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _sclip, exports
from .images import as_rgb

if TYPE_CHECKING:
    import PIL.Image


@dataclass(frozen=True)
class ClassFacts:
    """Of one class in one photo."""
    name: str
    pixels: int
    share: float       # of the photo, 0 … 1
    mean_score: float  # over its pixels; 0 without any
    max_score: float


class Result:
    """Labels, scores and the pictures made of them. Immutable; any thread may use it."""

    def __init__(self, native: _sclip.Result, bank: _sclip.Bank, photo: NDArray[np.uint8], order: str):
        self._native, self._bank, self._photo, self._order = native, bank, photo, order

    def __repr__(self) -> str:
        found = ", ".join(f"{c.name} {c.share:.1%}" for c in self.classes if c.pixels)
        return f"<sclip.Result {self.width}×{self.height}: {found}>"

    @property
    def width(self) -> int:
        return self._native.width

    @property
    def height(self) -> int:
        return self._native.height

    @property
    def class_names(self) -> list[str]:
        return self._bank.class_names

    @property
    def mask(self) -> NDArray[np.uint16]:
        """(H, W) class numbers, in the order of the words; read-only."""
        labels: NDArray[np.uint16] = self._native.labels
        return labels

    @property
    def scores(self) -> NDArray[np.float32]:
        """(H, W) the best class's probability, 0 … 1; read-only."""
        scores: NDArray[np.float32] = self._native.scores
        return scores

    @property
    def classes(self) -> list[ClassFacts]:
        pixels = self.width * self.height
        return [ClassFacts(name, count, count / pixels, mean, most)
                for name, (count, mean, most) in zip(self.class_names, self._native.statistics)]

    def is_class(self, name: str) -> NDArray[np.bool_]:
        """(H, W): where the class of this name is. Raises ValueError for a name that is none."""
        names = self.class_names
        if name not in names:
            raise ValueError(f"there is no class '{name}': the classes are {', '.join(names)}")
        found: NDArray[np.bool_] = self.mask == names.index(name)
        return found

    def overlay(self) -> PIL.Image.Image:
        """The photo under the colours of its classes, with a legend, as the command draws it."""
        return exports.open_png(self.overlay_png())

    def overlay_png(self) -> bytes:
        return _sclip.encode_overlay(as_rgb(self._photo, self._order), self.mask, self._bank)

    def mask_png(self) -> bytes:
        """The mask as the command writes it: pixel value = class number, with a palette."""
        return _sclip.encode_mask(self.mask, self._bank)

    def _repr_png_(self) -> bytes:  # a notebook shows it
        return self.overlay_png()

    def plot(self, axes: Any = None) -> Any:
        """Draws the overlay into matplotlib's axes and returns them."""
        import matplotlib.pyplot as plt
        axes = axes if axes is not None else plt.gca()
        axes.imshow(np.asarray(self.overlay()))
        axes.set_axis_off()
        return axes

    def to_coco(self, image_id: int = 1, file_name: str = "") -> dict[str, Any]:
        """A COCO data set of this image: an annotation with run lengths for each class that has pixels. Categories have the
        mask's numbers."""
        return exports.to_coco(self, image_id, file_name)

    def to_supervision(self) -> Any:
        """supervision.Detections: a mask for each class that has pixels."""
        return exports.to_supervision(self)

    def to_pipeline(self) -> list[dict[str, Any]]:
        """What Hugging Face's image-segmentation pipeline returns: {"label", "score", "mask"} of each class that has pixels."""
        return exports.to_pipeline(self)

    def to_fiftyone(self) -> Any:
        """fiftyone.Segmentation, whose 0 is where there is nothing to show: the mask's numbers plus 1, and 0 for the ignored label."""
        return exports.to_fiftyone(self)

    @property
    def fiftyone_targets(self) -> dict[int, str]:
        """The names of to_fiftyone's numbers, for a dataset's default_mask_targets."""
        return exports.fiftyone_targets(self)

    def to_label_studio(self, from_name: str = "tag", to_name: str = "image") -> list[dict[str, Any]]:
        """Label Studio's brush labels, for the "result" of a prediction."""
        return exports.to_label_studio(self, from_name, to_name)

    def run_lengths(self) -> list[tuple[int, str, int, tuple[int, int, int, int]]]:
        """(label, counts, area, (x, y, width, height)) of each label that has pixels: COCO's compressed run lengths."""
        return list(_sclip.run_lengths(np.ascontiguousarray(self.mask)))
