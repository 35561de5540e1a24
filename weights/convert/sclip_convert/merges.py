"""The tokenizer's merges: CLIP's own, bundled, or those of the model's own vocabulary."""
import gzip
import zlib
from pathlib import Path

from .errors import ConvertError

BUNDLED = Path(__file__).with_name("data") / "bpe_simple_vocab_16e6.txt.gz"
SYMBOLS_AND_MARKS = 2 * 256 + 2  # byte symbols, the same ending a word, start and end of text
CLIP_VOCABULARY = 49408
CLIP_HEADER = '"bpe_simple_vocab'  # OpenAI's file has 262,145 merges, of which CLIP takes the first 48,894


def merges_text(vocabulary, path=None, lines=None):
    """The bytes of `tokenizer.merges` for a vocabulary of this size: one `a b` per line, no header.

    Of the file `path`, plain or .gz; else of `lines`, (where they come from, ["a b", …]); else CLIP's own, for CLIP's
    vocabulary. Raises ConvertError if they are not exactly those that make such a vocabulary.
    """
    needed = vocabulary - SYMBOLS_AND_MARKS
    if path or not lines:
        if not path and vocabulary != CLIP_VOCABULARY:
            raise ConvertError(f"a vocabulary of {vocabulary} is not CLIP's {CLIP_VOCABULARY}: name the tokenizer's merges "
                               f"with --merges, a file of {max(needed, 0)}; if CLIP's got tokens added, take them out first")
        path = Path(path or BUNDLED)
        name, lines = path.name, read_merges(path)
        if len(lines) > CLIP_VOCABULARY - SYMBOLS_AND_MARKS == needed and _is_clips(path):
            lines = lines[:needed]
    else:
        name, lines = lines
    if len(lines) != needed:
        added = needed - len(lines)
        hint = f"; {added} tokens were added, which sclip's tokenizer cannot know: take them out first" if added > 0 else ""
        raise ConvertError(f"{name} has {len(lines)} merges, a vocabulary of {vocabulary} takes {needed}{hint}; name the "
                           "tokenizer's own file with --merges")
    for number, line in enumerate(lines, 1):
        if len(line.split(" ")) != 2 or not all(line.split(" ")):
            raise ConvertError(f"{name}: merge {number} is not a pair of symbols: {line[:60]!r}")
    return ("\n".join(lines) + "\n").encode()


def read_merges(path):
    """["a b", …] of a file, plain or .gz, without its header; pairs are not checked."""
    lines = [line.rstrip("\r") for line in _read(path).split("\n")]
    if lines[0].startswith((CLIP_HEADER, "#version")):
        lines = lines[1:]
    return lines[:-1] if lines and lines[-1] == "" else lines


def _is_clips(path):
    return _read(path).startswith(CLIP_HEADER)


def _read(path):
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ConvertError(f"cannot read merges from {path}: {error}") from error
