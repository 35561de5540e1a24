"""Writes `.sclip` files: whole or not at all, the same bytes for the same input."""
import hashlib
import json
import os
from dataclasses import dataclass
from typing import Callable, Tuple

import numpy as np

from .errors import ConvertError

FORMAT_VERSION = "1"
ALIGNMENT = 64
MAX_HEADER = 1 << 20
ITEM_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "U8": 1}
NO_DIGEST = "0" * 64


@dataclass(frozen=True)
class Entry:
    """A tensor to write; `data` returns its little-endian elements, contiguous."""

    name: str
    dtype: str
    shape: Tuple[int, ...]
    data: Callable[[], np.ndarray]

    @property
    def bytes(self):
        """Size in the file."""
        return int(np.prod(self.shape, dtype=np.int64)) * ITEM_BYTES[self.dtype]


def write_blob(path, entries, metadata):
    """Writes the blob under a temporary name, then renames it; returns (bytes, payload's SHA-256)."""
    temporary = f"{path}.tmp.{os.getpid()}"
    try:
        with open(temporary, "wb") as file:
            digest = _write(file, entries, metadata)
            size = file.tell()
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise ConvertError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)
    return size, digest


def _write(file, entries, metadata):
    # Digests have a fixed length: the header's place is known before the payload's hash is.
    file.write(_header(entries, metadata, NO_DIGEST))
    digest = hashlib.sha256()
    for entry in entries:
        data = memoryview(np.ascontiguousarray(entry.data())).cast("B")
        if len(data) != entry.bytes:
            raise ConvertError(f"tensor {entry.name}: {len(data)} bytes where {entry.bytes} belong: a bug")
        file.write(data)
        digest.update(data)
    file.seek(0)
    file.write(_header(entries, metadata, digest.hexdigest()))
    file.seek(0, os.SEEK_END)
    return digest.hexdigest()


def _header(entries, metadata, payload_digest):
    header = {"__metadata__": {"format": "sclip", "format_version": FORMAT_VERSION, "header_sha256": NO_DIGEST,
                               "payload_sha256": payload_digest, **metadata}}
    position = 0
    for entry in entries:
        if position % ALIGNMENT:
            raise ConvertError(f"tensor {entry.name} would begin at byte {position}, not a multiple of {ALIGNMENT}: "
                               "the format needs widths that are multiples of 32")
        header[entry.name] = {"dtype": entry.dtype, "shape": list(entry.shape),
                              "data_offsets": [position, position + entry.bytes]}
        position += entry.bytes
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    if len(text) > MAX_HEADER:
        raise ConvertError(f"the header would take {len(text)} bytes, the format allows {MAX_HEADER}")
    own = hashlib.sha256(text).hexdigest()
    text = text.replace(f'"header_sha256":"{NO_DIGEST}"'.encode(), f'"header_sha256":"{own}"'.encode(), 1)
    return len(text).to_bytes(8, "little") + text
