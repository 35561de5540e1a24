"""A result in the forms that other programs read."""
from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import PIL.Image

    from .result import Result


def open_png(content: bytes) -> PIL.Image.Image:
    try:
        import PIL.Image
    except ImportError as error:
        raise ImportError("pictures as objects need Pillow: pip install pillow, or take the PNG's bytes (overlay_png)") from error
    return PIL.Image.open(io.BytesIO(content))


def to_coco(result: Result, image_id: int, file_name: str) -> dict[str, Any]:
    annotations = [
        {"id": index + 1, "image_id": image_id, "category_id": label, "area": area, "bbox": list(box), "iscrowd": 0,
         "segmentation": {"size": [result.height, result.width], "counts": counts}}
        for index, (label, counts, area, box) in enumerate(result.run_lengths())]
    return {"images": [{"id": image_id, "file_name": file_name, "width": result.width, "height": result.height}],
            "categories": [{"id": i, "name": name} for i, name in enumerate(result.class_names)], "annotations": annotations}


def to_supervision(result: Result) -> Any:
    import supervision
    labels = [label for label, *_ in result.run_lengths()]
    boxes = [(x, y, x + width, y + height) for _, _, _, (x, y, width, height) in result.run_lengths()]
    names = [result.class_names[label] if label < len(result.class_names) else "" for label in labels]
    return supervision.Detections(
        xyxy=np.array(boxes, dtype=float).reshape(-1, 4),
        mask=np.stack([result.mask == label for label in labels]),
        confidence=np.array([_mean_score(result, label) for label in labels]),
        class_id=np.array(labels), data={"class_name": np.array(names)})


def _mean_score(result: Result, label: int) -> float:
    facts = result.classes
    return facts[label].mean_score if label < len(facts) else 0.0


def to_pipeline(result: Result) -> list[dict[str, Any]]:
    import PIL.Image
    return [{"label": c.name, "score": c.mean_score,
             "mask": PIL.Image.fromarray(np.where(result.mask == i, 255, 0).astype(np.uint8))}
            for i, c in enumerate(result.classes) if c.pixels]


def fiftyone_targets(result: Result) -> dict[int, str]:
    return {i + 1: name for i, name in enumerate(result.class_names)}


def to_fiftyone(result: Result) -> Any:
    import fiftyone  # type: ignore[import-not-found, import-untyped, unused-ignore]
    classes = len(result.class_names)
    shifted = np.where(result.mask < classes, result.mask + 1, 0)  # FiftyOne shows no 0
    return fiftyone.Segmentation(mask=shifted.astype(np.uint8 if classes < 256 else np.uint16))


def label_studio_rle(alpha: NDArray[np.uint8]) -> list[int]:
    """Label Studio's run lengths of a mask: a number of values, their size, five sizes of runs, then for each run a bit for its
    kind, the number of its size, its length less 1 and its one value or all of them."""
    values = np.repeat(alpha.ravel(), 4)
    bits: list[str] = [f"{len(values):032b}", f"{8 - 1:05b}", *(f"{size - 1:04b}" for size in (3, 4, 8, 16))]
    starts = np.flatnonzero(np.diff(values)) + 1
    edges = np.concatenate([[0], starts, [len(values)]])
    for start, end in zip(edges[:-1], edges[1:]):
        while start < end:
            count = min(int(end - start), 1 << 16)
            bits.append("1" + "11" + f"{count - 1:016b}" + f"{int(values[start]):08b}")
            start += count
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return [int(text[i:i + 8], 2) for i in range(0, len(text), 8)]


def to_label_studio(result: Result, from_name: str, to_name: str) -> list[dict[str, Any]]:
    return [{"from_name": from_name, "to_name": to_name, "type": "brushlabels", "original_width": result.width,
             "original_height": result.height,
             "value": {"format": "rle", "brushlabels": [c.name],
                       "rle": label_studio_rle(np.where(result.mask == i, 255, 0).astype(np.uint8))},
             "score": c.mean_score}
            for i, c in enumerate(result.classes) if c.pixels]
