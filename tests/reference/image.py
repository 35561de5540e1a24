"""Photos: decoding, the two resize rules, normalisation."""
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

# CLIP's constants on the scale 0…255, rounded as the authors' configuration files have them.
MEAN = np.array([122.771, 116.746, 104.094], np.float32)
STD = np.array([68.501, 66.632, 70.323], np.float32)


def decode(path: Path | str) -> np.ndarray:
    """(H0, W0, 3) u8 RGB, EXIF orientation applied."""
    return np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))


def scaled_size(height: int, width: int, short_side: int, long_limit: int = 2048) -> tuple[int, int]:
    """mmcv's rescale_size: the short side becomes `short_side` unless the long side would exceed `long_limit`."""
    scale = min(long_limit / max(height, width), short_side / min(height, width))
    return int(height * scale + 0.5), int(width * scale + 0.5)


def _taps(length: int, new_length: int):
    """Index before clamping (int64) and the f32 fraction of OpenCV's linear resize, per output position."""
    step = 1.0 / (new_length / length)  # OpenCV inverts the inverse scale, in double
    position = ((np.arange(new_length) + 0.5) * step - 0.5).astype(np.float32)
    index = np.floor(position).astype(np.int64)
    return index, (position - index.astype(np.float32)).astype(np.float32)


def _fixed(weight: np.ndarray) -> np.ndarray:
    return np.rint(weight * np.float32(2048)).astype(np.int64)


def resize_opencv_linear(image: np.ndarray, new_height: int, new_width: int) -> np.ndarray:
    """OpenCV's INTER_LINEAR on u8 (H, W, 3), bit for bit: 11-bit weights, no antialiasing."""
    height, width = image.shape[:2]
    if (height, width) == (new_height, new_width):
        return image.copy()
    x, fx = _taps(width, new_width)
    outside = (x < 0) | (x >= width - 1)  # a column past the border is that border's pixel alone
    fx = np.where(outside, np.float32(0), fx)
    x = np.clip(x, 0, width - 1)
    w0, w1 = _fixed(1 - fx)[None, :, None], _fixed(fx)[None, :, None]
    source = image.astype(np.int64)
    rows = source[:, x] * w0 + source[:, np.minimum(x + 1, width - 1)] * w1  # (H, W', 3)

    y, fy = _taps(height, new_height)  # a row past the border keeps its weights
    v0, v1 = _fixed(1 - fy)[:, None, None], _fixed(fy)[:, None, None]
    above, below = rows[np.clip(y, 0, height - 1)], rows[np.clip(y + 1, 0, height - 1)]
    return ((((above >> 4) * v0 >> 16) + ((below >> 4) * v1 >> 16) + 2) >> 2).astype(np.uint8)


def resize_pil_bicubic(image: np.ndarray, side: int) -> np.ndarray:
    """OpenAI's preprocessing for classification: antialiased bicubic to the short side, centre crop; (side, side, 3) u8."""
    height, width = image.shape[:2]
    if width <= height:
        new_width, new_height = side, int(side * height / width)
    else:
        new_width, new_height = int(side * width / height), side
    resized = np.asarray(Image.fromarray(image).resize((new_width, new_height), Image.Resampling.BICUBIC))
    top, left = int(round((new_height - side) / 2.0)), int(round((new_width - side) / 2.0))
    return resized[top:top + side, left:left + side]


def normalise(image: np.ndarray) -> np.ndarray:
    """u8 (H, W, 3) → f32 (3, H, W): (value − mean) / std."""
    return np.ascontiguousarray(((image.astype(np.float32) - MEAN) / STD).transpose(2, 0, 1))
