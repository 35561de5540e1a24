"""The tokenizer's merges: CLIP's own, bundled, or a file of the same kind."""
import gzip
import zlib
from pathlib import Path

from .errors import ConvertError

BUNDLED = Path(__file__).with_name("data") / "bpe_simple_vocab_16e6.txt.gz"
SYMBOLS_AND_MARKS = 2 * 256 + 2  # byte symbols, the same ending a word, start and end of text


def merges_text(vocabulary, path=None):
    """The bytes of `tokenizer.merges` for a vocabulary of this size: one `a b` per line, no header."""
    path = Path(path or BUNDLED)
    needed = vocabulary - SYMBOLS_AND_MARKS
    lines = _read(path).split("\n")
    if lines[0].startswith(('"bpe_simple_vocab', "#version")):
        lines = lines[1:]
    lines = [line.rstrip("\r") for line in lines]
    available = len(lines) - (lines[-1] == "")
    if not 0 < needed <= available:
        raise ConvertError(f"{path.name} has {available} merges, a vocabulary of {vocabulary} takes {needed}; "
                           "name the tokenizer's file with --merges")
    lines = lines[:needed]
    for number, line in enumerate(lines, 1):
        if len(line.split(" ")) != 2 or not all(line.split(" ")):
            raise ConvertError(f"{path.name}: merge {number} is not a pair of symbols: {line[:60]!r}")
    return ("\n".join(lines) + "\n").encode()


def _read(path):
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ConvertError(f"cannot read merges from {path}: {error}") from error
