"""From a checkpoint to the entries of a blob: every tensor found, checked and cast, every key accounted for."""
import re

import numpy as np

from .blob import Entry
from .clip_keys import transposed_hint
from .errors import ConvertError
from .positions import resize_positions
from .table import specs
from .tensors import FLOATS, to_bfloat16_bits

POSITIONS = "visual.positional_embedding"


def blob_entries(checkpoint, dtype, merges, position_method, native_tokens):
    """The blob's entries in order. Values are read, and refused, when an entry's data is asked for.

    `native_tokens` is the row count of the checkpoint's own position table.
    """
    table = specs(checkpoint.config, checkpoint.kind)
    _check_keys(checkpoint, table)
    entries = []
    for spec in table:
        if spec.flags == "u8":
            entries.append(Entry(spec.name, "U8", (len(merges),), lambda: np.frombuffer(merges, np.uint8)))
            continue
        sources = [checkpoint.tensors[key] for key in spec.sources]
        resize = spec.name == POSITIONS and native_tokens != spec.shape[0]
        shape = (native_tokens, spec.shape[1]) if resize else spec.shape
        _check_shape(spec, sources, shape)
        grid = round((spec.shape[0] - 1) ** 0.5) if resize else None
        target = "F32" if spec.flags == "f32" else dtype.upper()
        entries.append(Entry(spec.name, target, spec.shape, _Loader(spec, sources, target, grid, position_method)))
    return entries


class _Loader:
    """Reads the tensors of one spec and casts them."""

    def __init__(self, spec, sources, target, grid, position_method):
        self.spec, self.sources, self.target = spec, sources, target
        self.grid, self.position_method = grid, position_method

    def __call__(self):
        arrays = [_finite_f32(key, tensor) for key, tensor in zip(self.spec.sources, self.sources)]
        array = np.concatenate(arrays) if len(arrays) > 1 else arrays[0]
        if self.spec.transform == "transpose":
            array = array.T
        if self.grid:
            array = resize_positions(array, self.grid, self.position_method)
        return _cast(np.ascontiguousarray(array), self.target, self.spec.name)


def _finite_f32(key, tensor):
    with np.errstate(over="ignore"):
        array = tensor.numpy().astype(np.float32, copy=False)
    if not np.isfinite(array).all():
        place = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ConvertError(f"tensor {key} is not finite at {place} and {int((~np.isfinite(array)).sum())} places in "
                           "all; the checkpoint is damaged")
    return array


def _cast(array, target, name):
    if target == "F32":
        return array.astype("<f4", copy=False)
    with np.errstate(over="ignore"):
        out = to_bfloat16_bits(array) if target == "BF16" else array.astype("<f2")
    overflow = (out & 0x7F80) == 0x7F80 if target == "BF16" else np.isinf(out)
    if overflow.any():
        place = tuple(int(i) for i in np.argwhere(overflow)[0])
        raise ConvertError(f"tensor {name}: {array[place]:g} at {place} overflows {target.lower()}; use --dtype "
                           f"{'f32' if target == 'BF16' else 'bf16 or f32'}")
    return out


def _check_keys(checkpoint, table):
    needed = {key: spec for spec in table for key in spec.sources}
    missing = [key for key in needed if key not in checkpoint.tensors]
    if missing:
        spec = needed[missing[0]]
        raise ConvertError(f"tensor {missing[0]} of shape {_source_shape(spec, spec.shape)} is missing from the checkpoint, "
                           f"{spec.name} needs it ({len(missing)} of {len(needed)} are missing)")
    left = [key for key in checkpoint.tensors
            if key not in needed and not any(re.fullmatch(pattern, key) for pattern in checkpoint.ignorable)]
    if left:
        raise ConvertError(f"tensor {sorted(left)[0]} of the checkpoint has no place in a CLIP of this config "
                           f"({len(left)} such); leaving it out would change the model")


def _source_shape(spec, shape):
    """What each tensor that makes `spec` has, when the whole has `shape`."""
    if spec.transform == "transpose":
        return shape[::-1]
    return (shape[0] // len(spec.sources),) + shape[1:]


def _check_shape(spec, sources, shape):
    wanted = _source_shape(spec, shape)
    for key, tensor in zip(spec.sources, sources):
        if tensor.shape != wanted:
            raise ConvertError(f"tensor {key} has shape {tensor.shape}, the config needs {wanted}"
                               f"{transposed_hint(tensor.shape, wanted)}")
        if tensor.dtype not in FLOATS:
            raise ConvertError(f"tensor {key} has dtype {tensor.dtype}, a floating-point one is needed")
