"""Tensors as checkpoints hold them: described at once, read only when asked for."""
from dataclasses import dataclass
from typing import Callable, Tuple

import numpy as np

# Our name of a dtype: what its bytes look like to numpy, which has no bfloat16.
STORAGE = {"f64": "<f8", "f32": "<f4", "f16": "<f2", "bf16": "<u2", "i64": "<i8", "i32": "<i4", "i16": "<i2",
           "i8": "i1", "u8": "u1", "bool": "?"}
FLOATS = ("f64", "f32", "f16", "bf16")


@dataclass(frozen=True)
class Tensor:
    """One tensor of a checkpoint; `load` returns its elements with numpy's dtype STORAGE[dtype]."""

    dtype: str
    shape: Tuple[int, ...]
    load: Callable[[], np.ndarray]

    def numpy(self):
        """The elements; bfloat16 widened to f32, which is exact."""
        array = self.load()
        if self.dtype == "bf16":
            return from_bfloat16_bits(array)
        return array


def to_bfloat16_bits(array):
    """Rounds finite f32 to bfloat16, nearest, ties to even; returns the 16 bits of each."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    return ((bits + np.uint32(0x7FFF) + ((bits >> 16) & 1)) >> 16).astype("<u2")


def from_bfloat16_bits(bits):
    """The f32 that each bfloat16 stands for."""
    return (np.asarray(bits).astype(np.uint32) << 16).view(np.float32)
