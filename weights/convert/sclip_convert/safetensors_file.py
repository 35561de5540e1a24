"""Reads `.safetensors` files, and believes nothing that their headers say before it is checked."""
import json
import mmap
from functools import partial

import numpy as np

from .errors import ConvertError
from .tensors import STORAGE, Tensor

DTYPES = {"F64": "f64", "F32": "f32", "F16": "f16", "BF16": "bf16", "I64": "i64", "I32": "i32", "I16": "i16",
          "I8": "i8", "U8": "u8", "BOOL": "bool"}
PREFIX = 8
MAX_HEADER = 16 << 20  # a CLIP's takes some 100 KB
MAX_RANK = 8
MAX_EXTENT = 1 << 48


def read_safetensors(path):
    """{name: Tensor} of a file; the bytes stay on disk until a tensor is loaded.

    Raises ConvertError for whatever the format forbids. Until a tensor is loaded no more is allocated than the header's
    JSON takes, and the header is no longer than the file.
    """
    try:
        with open(path, "rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise ConvertError(f"cannot read {path}: {error}") from error
    header, start = _header(path, data)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ConvertError(f"{path}: __metadata__ of the safetensors header is not a map of strings")
    tensors, spans = {}, []
    for name, entry in header.items():
        dtype, shape, begin, end = _entry(f"{path}: tensor {name[:200]}", entry, len(data) - start)
        tensors[name] = Tensor(dtype, shape, partial(_load, data, start + begin, dtype, shape))
        spans.append((begin, end, name[:200]))
    _check_coverage(path, sorted(spans), len(data) - start)
    return tensors


def _header(path, data):
    """(the header's object, where the payload starts)."""
    length = int.from_bytes(data[:PREFIX], "little")
    if len(data) < PREFIX + 2 or length > len(data) - PREFIX:
        raise ConvertError(f"{path}: not a safetensors file, or truncated: a header of {length} bytes is announced "
                           f"in a file of {len(data)}")
    if length > MAX_HEADER:
        raise ConvertError(f"{path}: a safetensors header of {length} bytes is announced, {MAX_HEADER} are allowed")
    try:
        header = json.loads(data[PREFIX:PREFIX + length].decode("utf-8"), object_pairs_hook=_without_twins,
                            parse_constant=_no_constant)
    except RecursionError as error:
        raise ConvertError(f"{path}: the safetensors header is corrupt: its JSON nests too deep") from error
    except ValueError as error:
        raise ConvertError(f"{path}: the safetensors header is corrupt: {error}"[:400]) from error
    if not isinstance(header, dict):
        raise ConvertError(f"{path}: the safetensors header is corrupt: it is not a JSON object")
    return header, PREFIX + length


def _without_twins(pairs):
    out = {}
    for key, value in pairs:
        if key in out:
            raise ValueError(f"{key[:200]!r} occurs twice")
        out[key] = value
    return out


def _no_constant(name):
    raise ValueError(f"{name} is not JSON")


def _entry(where, entry, payload):
    """(dtype, shape, begin, end) of one tensor, which lies within the payload."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise ConvertError(f"{where} is not described by dtype, shape and data_offsets; the header is corrupt")
    name, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(name, str) or name not in DTYPES:
        hint = "; save the model in F16, BF16 or F32" if str(name).startswith("F8") else ""
        raise ConvertError(f"{where} has dtype {str(name)[:40]}, known are {', '.join(DTYPES)}{hint}")
    if not _is_list_of_sizes(shape) or len(shape) > MAX_RANK or max(shape, default=0) > MAX_EXTENT:
        raise ConvertError(f"{where} has the shape {str(shape)[:100]}; up to {MAX_RANK} sizes from 0 on are allowed")
    if not _is_list_of_sizes(offsets) or len(offsets) != 2:
        raise ConvertError(f"{where} has data_offsets {str(offsets)[:100]}; a begin and an end are needed")
    (begin, end), needed = offsets, np.dtype(STORAGE[DTYPES[name]]).itemsize
    if begin > end:
        raise ConvertError(f"{where} has data_offsets that run backwards, from {begin} to {end}; the header is corrupt")
    if end > payload:
        raise ConvertError(f"{where} ends at byte {end} of a payload of {payload}; the file is truncated or corrupt")
    for extent in shape:
        needed *= extent
    if end - begin != needed:
        raise ConvertError(f"{where} of shape {tuple(shape)} in {name} takes {needed} bytes, its data_offsets span "
                           f"{end - begin}; the header is corrupt")
    return DTYPES[name], tuple(shape), begin, end


def _is_list_of_sizes(value):
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _check_coverage(path, spans, payload):
    """The format forbids overlaps, and gaps that could hide something."""
    position, before = 0, "the payload's start"
    for begin, end, name in spans:
        if begin != position:
            what = f"overlaps {before}" if begin < position else f"leaves a gap of {begin - position} bytes after {before}"
            raise ConvertError(f"{path}: tensor {name} at byte {begin} {what}; the header is corrupt")
        position, before = end, f"tensor {name}"
    if position != payload:
        raise ConvertError(f"{path}: {payload - position} bytes follow {before}; the file is corrupt")


def _load(data, offset, dtype, shape):
    count = int(np.prod(shape, dtype=np.int64))
    return np.frombuffer(data, STORAGE[dtype], count, offset).reshape(shape)
