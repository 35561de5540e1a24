"""Reads what torch.save and torch.jit.save write: ZIP archives and the older stream format."""
import io
import zipfile
from functools import partial

import numpy as np

from .errors import ConvertError
from .tensors import STORAGE, Tensor
from .unpickler import ModuleNode, Storage, unpickle

MAX_PICKLE = 256 << 20
MAX_MODULE_DEPTH = 64
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001


def read_torch(path):
    """The object in the file, tensors as `Tensor`, modules of a TorchScript archive as `ModuleNode`."""
    try:
        with open(path, "rb") as file:
            magic = file.read(4)
        if magic[:2] == b"PK":
            return _read_zip(path)
        if magic[:1] == b"\x80":
            return _read_legacy(path)
    except OSError as error:
        raise ConvertError(f"cannot read {path}: {error}") from error
    raise ConvertError(f"{path}: not a PyTorch file: it begins with {magic!r}; is the download complete?")


def is_torchscript(obj):
    """Whether read_torch found a scripted or traced module."""
    return isinstance(obj, ModuleNode)


def flatten_module(node, prefix="", depth=0):
    """{dotted name: Tensor} of a module tree, as its state_dict would name them, plus its plain tensor attributes."""
    if depth > MAX_MODULE_DEPTH:
        raise ConvertError(f"the archive's modules nest deeper than {MAX_MODULE_DEPTH}, at {prefix[:200]}")
    out = {}
    for name, value in node.attributes.items():
        if isinstance(value, ModuleNode):
            out.update(flatten_module(value, f"{prefix}{name}.", depth + 1))
        elif isinstance(value, Tensor):
            out[f"{prefix}{name}"] = value
    return out


def _read_zip(path):
    try:
        archive = zipfile.ZipFile(path)
        members = {info.filename: info for info in archive.infolist()}
    except zipfile.BadZipFile as error:
        raise ConvertError(f"{path}: the ZIP archive is damaged or truncated: {error}") from error
    pickles = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ConvertError(f"{path}: a ZIP archive with {len(pickles)} data.pkl in it; torch.save writes one")
    folder = pickles[0].split("/")[0]
    if members[pickles[0]].file_size > MAX_PICKLE:
        raise ConvertError(f"{path}: its data.pkl has {members[pickles[0]].file_size} bytes; is this a checkpoint?")
    if f"{folder}/byteorder" in members and _member(archive, path, f"{folder}/byteorder") != b"little":
        raise ConvertError(f"{path}: it was written on a big-endian machine; save it on a little-endian one")

    def open_storage(dtype, key, count):
        name = f"{folder}/data/{key}"
        expected = count * np.dtype(STORAGE[dtype]).itemsize
        if name not in members or members[name].file_size != expected:
            found = f"has {members[name].file_size} bytes" if name in members else "is missing"
            raise ConvertError(f"{path}: storage {name} {found}, {expected} are needed")
        return Storage(dtype, count, partial(_load_member, archive, path, name, dtype))

    return unpickle(io.BytesIO(_member(archive, path, pickles[0])), path, open_storage)


def _load_member(archive, path, name, dtype):
    return np.frombuffer(_member(archive, path, name), STORAGE[dtype])


def _member(archive, path, name):
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise ConvertError(f"{path}: {name} in the archive is compressed, which PyTorch's never is; a small file could "
                           "grow without end")
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError) as error:
        raise ConvertError(f"{path}: {name} in the archive is damaged: {error}") from error


def _read_legacy(path):
    """magic, protocol, system, object, storage keys: five pickles; then each storage as u64 count and bytes."""
    with open(path, "rb") as file:
        blob = file.read()
    stream = io.BytesIO(blob)
    places = {}  # key: offset of the elements, filled in once the object is read

    def no_storage(dtype, key, count):
        raise ConvertError("a storage before the object")

    def open_storage(dtype, key, count):
        return Storage(dtype, count, partial(_load_legacy, path, blob, places, key, dtype, count))

    try:
        magic, protocol = (unpickle(stream, path, no_storage) for _ in range(2))
    except ConvertError as error:
        raise ConvertError(f"{path}: a pickle, and not one that torch.save wrote: {error}") from error
    if (magic, protocol) != (LEGACY_MAGIC, LEGACY_PROTOCOL):
        raise ConvertError(f"{path}: a pickle, and not one that torch.save wrote")
    unpickle(stream, path, no_storage)
    sizes = {}

    def sized_storage(dtype, key, count):
        sizes[key] = np.dtype(STORAGE[dtype]).itemsize
        return open_storage(dtype, key, count)

    result = unpickle(stream, path, sized_storage)
    for key in unpickle(stream, path, no_storage):
        count = int.from_bytes(stream.read(8), "little")
        end = stream.tell() + count * sizes.get(key, 1)
        if key not in sizes or end > len(blob):
            raise ConvertError(f"{path}: storage {key} of {count} elements ends at byte {end} of {len(blob)}; "
                               "the file is truncated")
        places[key] = (stream.tell(), count)
        stream.seek(end)
    return result


def _load_legacy(path, blob, places, key, dtype, count):
    if key not in places or places[key][1] != count:
        raise ConvertError(f"{path}: storage {key} of {count} elements is missing")
    return np.frombuffer(blob, STORAGE[dtype], count, places[key][0])
