"""The converter: checkpoints of OpenAI, open_clip and Hugging Face to .sclip files. `sclip-convert --help` has every option."""
from __future__ import annotations

import os
import warnings
from typing import Sequence

from sclip_convert import cli
from sclip_convert.errors import ConvertError

__all__ = ["ConvertError", "convert"]


def convert(checkpoint: str | os.PathLike[str], out: str | os.PathLike[str], *, family: str = "openai", dtype: str = "f16",
            arguments: Sequence[str] = ()) -> str:
    """Writes `out` and returns what was read and written, in words.

    family: "openai", "open_clip" or "hf". arguments: more options of the command, as it takes them. Raises ConvertError with the
    sentence that says what is wrong and what to do."""
    wanted = cli.parse_arguments(["--from", family, os.fspath(checkpoint), "-o", os.fspath(out), "--dtype", dtype, *arguments])  # type: ignore[no-untyped-call]
    report, remarks = cli.convert(wanted)  # type: ignore[no-untyped-call]
    for remark in remarks:
        warnings.warn(remark, stacklevel=2)
    return str(report)
