"""Reads `.safetensors` files."""
import json
import mmap
from functools import partial

import numpy as np

from .errors import ConvertError
from .tensors import STORAGE, Tensor

DTYPES = {"F64": "f64", "F32": "f32", "F16": "f16", "BF16": "bf16", "I64": "i64", "I32": "i32", "I16": "i16",
          "I8": "i8", "U8": "u8", "BOOL": "bool"}
MAX_HEADER = 100 << 20


def read_safetensors(path):
    """{name: Tensor} of a file; the bytes stay on disk until a tensor is loaded."""
    try:
        with open(path, "rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise ConvertError(f"cannot read {path}: {error}") from error
    length = int.from_bytes(data[:8], "little")
    if len(data) < 10 or length > min(len(data) - 8, MAX_HEADER):
        raise ConvertError(f"{path}: not a safetensors file, or truncated: a header of {length} bytes is announced "
                           f"in a file of {len(data)}")
    try:
        header = json.loads(data[8:8 + length])
        header.pop("__metadata__", None)
        return {name: _tensor(path, data, 8 + length, name, entry) for name, entry in header.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConvertError(f"{path}: the safetensors header is corrupt: {error!r}") from error


def _tensor(path, data, start, name, entry):
    dtype = DTYPES.get(entry["dtype"])
    if dtype is None:
        raise ConvertError(f"{path}: tensor {name} has dtype {entry['dtype']}, known are {', '.join(DTYPES)}")
    shape = tuple(int(extent) for extent in entry["shape"])
    begin, end = (int(offset) for offset in entry["data_offsets"])
    bytes_needed = np.dtype(STORAGE[dtype]).itemsize
    for extent in shape:
        bytes_needed *= extent
    if min(shape, default=0) < 0 or not 0 <= begin <= end <= len(data) - start or end - begin != bytes_needed:
        raise ConvertError(f"{path}: tensor {name} of shape {shape} claims bytes {begin} to {end} of "
                           f"{len(data) - start} and needs {bytes_needed}; the file is truncated or corrupt")
    return Tensor(dtype, shape, partial(_load, data, start + begin, dtype, shape))


def _load(data, offset, dtype, shape):
    count = int(np.prod(shape, dtype=np.int64))
    return np.frombuffer(data, STORAGE[dtype], count, offset).reshape(shape)
