"""A pickle reader for checkpoints that can build tensors and plain containers, and nothing else.

Python's pickle calls whatever a file names. Here `find_class` hands out stand-ins of this module for the
few names that PyTorch writes and refuses every other one, so that no code of the file ever runs.
"""
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Callable, Tuple

import numpy as np

from .errors import ConvertError
from .tensors import STORAGE, Tensor

STORAGE_CLASSES = {"DoubleStorage": "f64", "FloatStorage": "f32", "HalfStorage": "f16", "BFloat16Storage": "bf16",
                   "LongStorage": "i64", "IntStorage": "i32", "ShortStorage": "i16", "CharStorage": "i8",
                   "ByteStorage": "u8", "BoolStorage": "bool"}


@dataclass(frozen=True)
class Storage:
    """A flat array in the checkpoint: `load` returns `count` elements of STORAGE[dtype]."""

    dtype: str
    count: int
    load: Callable[[], np.ndarray]


class ModuleNode:
    """Stands for an object of a TorchScript archive: its attributes, without its class."""

    attributes = {}

    def __setstate__(self, state):
        if isinstance(state, dict):
            self.attributes = state


@dataclass(frozen=True)
class StorageClass:
    """Stands for torch.FloatStorage and its like."""

    dtype: str


def _rebuild_tensor(storage, offset, shape, stride, *_) -> Tensor:
    shape, stride = tuple(shape), tuple(stride)
    integers = all(isinstance(x, int) and x >= 0 for x in (offset, *shape, *stride))
    if not isinstance(storage, Storage) or len(shape) != len(stride) or not integers:
        raise ConvertError(f"a tensor of shape {shape} and strides {stride} at offset {offset} is malformed")
    last = offset + sum((n - 1) * s for n, s in zip(shape, stride))
    if 0 not in shape and last >= storage.count:
        raise ConvertError(f"a tensor of shape {shape} reaches element {last} of a storage of {storage.count}")

    def load():
        flat = storage.load()
        step = flat.itemsize
        view = np.lib.stride_tricks.as_strided(flat[offset:], shape, [s * step for s in stride], writeable=False)
        return np.ascontiguousarray(view).reshape(shape)

    return Tensor(storage.dtype, shape, load)


def _rebuild_parameter(data, *_):
    return data


def _identity_list(values, *_):
    return values


ALLOWED: "dict[Tuple[str, str], Any]" = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch.jit._pickle", "build_intlist"): _identity_list,
    ("torch.jit._pickle", "build_doublelist"): _identity_list,
    ("torch.jit._pickle", "build_boollist"): _identity_list,
    ("torch.jit._pickle", "build_tensorlist"): _identity_list,
    ("torch.jit._pickle", "restore_type_tag"): _identity_list,
    **{("torch", name): StorageClass(dtype) for name, dtype in STORAGE_CLASSES.items()},
}


class CheckpointUnpickler(pickle.Unpickler):
    """`open_storage(dtype, key, count)` returns the Storage that a persistent id names."""

    def __init__(self, file, where, open_storage):
        super().__init__(file, encoding="utf-8")
        self._where = where
        self._open_storage = open_storage

    def find_class(self, module, name):
        """The stand-in for a global of the file."""
        if (module, name) in ALLOWED:
            return ALLOWED[module, name]
        if module == "__torch__" or module.startswith("__torch__."):
            return ModuleNode
        raise ConvertError(f"{self._where}: the pickle asks for {module}.{name}, which a checkpoint of weights does "
                           "not need; refused, for it could run code. Save the model's state_dict alone")

    def persistent_load(self, pid):
        """Resolves ('storage', class, key, location, count, …)."""
        if not (isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage" and isinstance(pid[1], StorageClass)
                and isinstance(pid[2], str) and isinstance(pid[4], int) and pid[4] >= 0):
            raise ConvertError(f"{self._where}: an unknown kind of storage reference: {str(pid)[:100]}")
        return self._open_storage(pid[1].dtype, pid[2], pid[4])


def unpickle(file, where, open_storage):
    """The object pickled at the file's position."""
    try:
        return CheckpointUnpickler(file, where, open_storage).load()
    except ConvertError as error:
        text = str(error)
        raise ConvertError(text if text.startswith(str(where)) else f"{where}: {text}") from error
    except Exception as error:  # a hostile pickle can fail in any way; none of them is worth a traceback
        raise ConvertError(f"{where}: the pickle is corrupt: {error!r}"[:400]) from error
