"""What people have as pictures, as 8-bit pixels in memory."""
from __future__ import annotations

import os
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from . import _sclip

# A path, the bytes of a picture file, Pillow's picture, or an array or DLPack tensor (H, W, 3), (H, W, 4) or (H, W).
ImageLike = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, Any]


def pixels_of(image: ImageLike) -> NDArray[np.uint8]:
    """(H, W), (H, W, 3) or (H, W, 4), 8 bits, RGB order unless the caller says otherwise; not copied where that can be helped.

    Raises TypeError for what is no picture and ValueError for numbers that are no 8-bit pixels."""
    if isinstance(image, (str, os.PathLike)):
        return _sclip.load_picture(os.fspath(image))
    if isinstance(image, (bytes, bytearray, memoryview)):
        return _sclip.decode_picture(bytes(image), "a picture in memory")
    if hasattr(image, "convert") and hasattr(image, "getbands"):  # Pillow's
        from PIL import ImageOps
        upright = ImageOps.exif_transpose(image)
        return np.asarray(upright if upright.mode in ("RGB", "L") else upright.convert("RGB"))
    if isinstance(image, np.ndarray):
        array = image
    elif hasattr(image, "__dlpack__"):
        array = np.from_dlpack(image.detach().cpu() if hasattr(image, "detach") else image)
    elif hasattr(image, "__array__"):
        array = np.asarray(image)
    else:
        raise TypeError(f"a picture is a path, bytes, Pillow's picture, an array or a tensor, not {type(image).__name__}")
    if array.dtype != np.uint8:
        raise ValueError(f"pixels are 8-bit numbers, 0 to 255, and this array has {array.dtype}: "
                         "multiply numbers from 0 to 1 by 255, round, and convert with .astype('uint8')")
    if array.ndim == 3 and array.shape[-1] not in (1, 3, 4) and array.shape[0] in (1, 3, 4):
        raise ValueError(f"the shape {array.shape} has the channels first: pass array.transpose(1, 2, 0)")
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[-1] not in (1, 3, 4)) or 0 in array.shape:
        raise ValueError(f"a picture has the shape (H, W), (H, W, 3) or (H, W, 4), not {array.shape}")
    channels = 1 if array.ndim == 2 else array.shape[2]
    if array.strides[1] != channels or (array.ndim == 3 and array.strides[2] != 1):
        array = np.ascontiguousarray(array)
    return array


def as_rgb(pixels: NDArray[np.uint8], order: str) -> NDArray[np.uint8]:
    """(H, W, 3) RGB without gaps, for drawing."""
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return np.ascontiguousarray(np.repeat(pixels.reshape(*pixels.shape[:2], 1), 3, axis=2))
    rgb = pixels[..., :3]
    return np.ascontiguousarray(rgb[..., ::-1] if order == "bgr" else rgb)
