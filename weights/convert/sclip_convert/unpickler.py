"""A pickle reader for checkpoints that can build tensors and plain containers, and nothing else.

Python's pickle calls whatever a file names. Here `find_class` hands out stand-ins of this module for the
few names that PyTorch and training scripts write and refuses every other one, so that no code of the file ever runs.
"""
import math
import pickle
import pickletools
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Callable, Tuple

import numpy as np

from .errors import ConvertError
from .tensors import STORAGE, Tensor

STORAGE_CLASSES = {"DoubleStorage": "f64", "FloatStorage": "f32", "HalfStorage": "f16", "BFloat16Storage": "bf16",
                   "LongStorage": "i64", "IntStorage": "i32", "ShortStorage": "i16", "CharStorage": "i8",
                   "ByteStorage": "u8", "BoolStorage": "bool"}
# What PyTorch calls to rebuild tensors that are no plain arrays of a known dtype.
UNSUPPORTED = {"_rebuild_tensor_v3": "a tensor of a dtype that only new PyTorch has (F8, say)",
               "_rebuild_qtensor": "a quantised tensor", "_rebuild_sparse_tensor": "a sparse tensor",
               "_rebuild_meta_tensor_no_storage": "a tensor on the meta device, which has no values",
               "ComplexFloatStorage": "a tensor of complex numbers", "QInt8Storage": "a quantised tensor",
               "QUInt8Storage": "a quantised tensor", "QInt32Storage": "a quantised tensor"}


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


class Ignored:
    """Stands for an object that a training script saved beside the weights: takes whatever it is given, keeps nothing."""

    def __init__(self, *_, **__):
        pass

    def __setstate__(self, _):
        pass

    def __setitem__(self, _, __):
        pass

    def append(self, _):
        """Of a list's subclass."""

    def extend(self, _):
        """Of a list's subclass."""


class StandIn:
    """Stands for a function of PyTorch; a pickle can call it and not change it."""

    __slots__ = ("_function",)

    def __init__(self, function):
        self._function = function

    def __call__(self, *arguments):
        return self._function(*arguments)

    def __setstate__(self, _):
        raise ConvertError("the pickle tries to change a function")


@dataclass(frozen=True)
class StorageClass:
    """Stands for torch.FloatStorage and its like."""

    dtype: str

    def __setstate__(self, _):
        raise ConvertError("the pickle tries to change a class")


def _rebuild_tensor(storage, offset, shape, stride, *_) -> Tensor:
    shape, stride = tuple(shape), tuple(stride)
    integers = all(isinstance(x, int) and x >= 0 for x in (offset, *shape, *stride))
    if not isinstance(storage, Storage) or len(shape) != len(stride) or not integers:
        raise ConvertError(f"a tensor of shape {shape} and strides {stride} at offset {offset} is malformed")
    last = offset + sum((n - 1) * s for n, s in zip(shape, stride))
    if 0 not in shape and last >= storage.count:
        raise ConvertError(f"a tensor of shape {shape} reaches element {last} of a storage of {storage.count}")

    def load():
        elements = math.prod(shape)
        if elements > storage.count:
            raise ConvertError(f"a tensor of shape {shape} repeats the elements of a storage of {storage.count}; save it "
                               "contiguous")
        flat = storage.load()
        step = flat.itemsize
        view = np.lib.stride_tricks.as_strided(flat[offset:], shape, [s * step for s in stride], writeable=False)
        return np.ascontiguousarray(view).reshape(shape)

    return Tensor(storage.dtype, shape, load)


def _rebuild_parameter(data, *_):
    return data


def _identity_list(values, *_):
    return values


# Options, counters, random states and numbers of a training run.
IGNORED = {("argparse", "Namespace"), ("types", "SimpleNamespace"), ("collections", "defaultdict"),
           ("collections", "Counter"), ("collections", "deque"), ("_codecs", "encode"), ("torch", "device"),
           ("torch.torch_version", "TorchVersion"), ("numpy", "dtype"), ("numpy", "ndarray"),
           *((module, name) for module in ("builtins", "__builtin__") for name in
             ("bytearray", "complex", "dict", "float", "frozenset", "int", "list", "set", "slice", "tuple")),
           *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
           *(("pathlib", f"{kind}Path") for kind in ("", "Pure", "Posix", "PurePosix", "Windows", "PureWindows")),
           *(("torch", name) for name in ("float64", "float32", "float16", "bfloat16", "int64", "int32", "uint8", "bool"))}
ALLOWED: "dict[Tuple[str, str], Any]" = {
    **{name: Ignored for name in IGNORED},
    ("collections", "OrderedDict"): OrderedDict,
    ("torch", "Size"): tuple,
    ("torch._utils", "_rebuild_tensor"): StandIn(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): StandIn(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): StandIn(_rebuild_parameter),
    **{("torch.jit._pickle", name): StandIn(_identity_list) for name in
       ("build_intlist", "build_doublelist", "build_boollist", "build_tensorlist", "restore_type_tag")},
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
        if module.split(".")[0] == "torch" and name in UNSUPPORTED:
            raise ConvertError(f"{self._where}: it holds {UNSUPPORTED[name]}; save the model in F16, BF16 or F32")
        raise ConvertError(f"{self._where}: the pickle asks for {module}.{name}, which a checkpoint of weights does "
                           "not need; refused, for it could run code. Save the model's state_dict alone")

    def persistent_load(self, pid):
        """Resolves ('storage', class, key, location, count, …)."""
        if not (isinstance(pid, tuple) and len(pid) >= 5 and pid[0] == "storage" and isinstance(pid[1], StorageClass)
                and isinstance(pid[2], str) and isinstance(pid[4], int) and pid[4] >= 0):
            raise ConvertError(f"{self._where}: an unknown kind of storage reference: {str(pid)[:100]}")
        return self._open_storage(pid[1].dtype, pid[2], pid[4])


def _check_memo(file):
    """A pickle numbers what it remembers one by one; a number out of line would make Python allocate up to it."""
    start = file.tell()
    for count, (code, argument, _) in enumerate(pickletools.genops(file)):
        if code.name in ("PUT", "BINPUT", "LONG_BINPUT") and argument > count:
            raise ConvertError(f"the pickle is corrupt: its operation {count} remembers as number {argument}")
    file.seek(start)


def unpickle(file, where, open_storage):
    """The object pickled at the file's position, which then is behind it; ConvertError if it is not what it should be."""
    try:
        _check_memo(file)
        return CheckpointUnpickler(file, where, open_storage).load()
    except ConvertError as error:
        text = str(error)
        raise ConvertError(text if text.startswith(str(where)) else f"{where}: {text}") from error
    except Exception as error:  # a hostile pickle can fail in any way; none of them is worth a traceback
        raise ConvertError(f"{where}: the pickle is corrupt: {error!r}"[:400]) from error
