"""The tokenizer of a checkpoint's folder: its merges, if it numbers its tokens as CLIP's does."""
import json
from pathlib import Path

from .errors import ConvertError
from .merges import SYMBOLS_AND_MARKS, read_merges

START, END = "<|startoftext|>", "<|endoftext|>"
CLASSES = ("CLIPTokenizer", "CLIPTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend")
MAX_BYTES = 64 << 20


def read_tokenizer(folder):
    """(file, ["a b", …]) of merges.txt or tokenizer.json in `folder`; None where neither is there.

    Raises ConvertError for a tokenizer of another class, one with tokens added, and one whose ids are not CLIP's order:
    256 byte symbols, the same ending a word, one per merge, start, end.
    """
    folder = Path(folder)
    _check_class(folder / "tokenizer_config.json")
    whole = _read_json(folder / "tokenizer.json")
    model = whole.get("model") or {} if whole else {}
    if whole and (not isinstance(model, dict) or model.get("type", "BPE") != "BPE" or
                  model.get("end_of_word_suffix") != "</w>"):
        raise ConvertError(f"{folder / 'tokenizer.json'}: not a byte-pair tokenizer as CLIP's; only that is supported")
    path = folder / "merges.txt"
    if path.exists():
        lines, name = read_merges(path), str(path)
    elif whole:
        lines, name = _pairs(model.get("merges"), folder / "tokenizer.json"), str(folder / "tokenizer.json")
    else:
        return None
    order = {symbol: index for index, symbol in enumerate(_symbols(lines))}
    for file, vocabulary in ((folder / "vocab.json", _read_json(folder / "vocab.json")),
                             (folder / "tokenizer.json", model.get("vocab"))):
        if vocabulary:
            _check_ids(file, vocabulary, order)
    _check_added(folder / "added_tokens.json", _read_json(folder / "added_tokens.json"), order)
    added = whole.get("added_tokens") if whole else None
    if isinstance(added, list) and all(isinstance(token, dict) for token in added):
        _check_added(folder / "tokenizer.json", {str(token.get("content")): token.get("id") for token in added}, order)
    return name, lines


def _check_class(path):
    name = (_read_json(path) or {}).get("tokenizer_class")
    if name is not None and name not in CLASSES:
        raise ConvertError(f"{path}: tokenizer_class is {name!r}; CLIP's own tokenizer alone is supported, of any "
                           "vocabulary")


def _symbols(lines):
    """What the ids stand for, in their order."""
    characters = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = 256 - len(characters)
    symbols = [chr(c) for c in characters] + [chr(256 + i) for i in range(others)]
    return symbols + [symbol + "</w>" for symbol in symbols] + [line.replace(" ", "") for line in lines] + [START, END]


def _check_ids(path, vocabulary, order):
    if not isinstance(vocabulary, dict):
        raise ConvertError(f"{path}: the vocabulary is not a map of tokens to ids")
    for token, index in vocabulary.items():
        if order.get(token) != index:
            raise ConvertError(f"{path}: token {token[:60]!r} is number {index}, in CLIP's order it would be "
                               f"{order.get(token, 'none')}; only vocabularies in that order are supported")
    if len(vocabulary) != len(order):
        raise ConvertError(f"{path}: {len(vocabulary)} tokens, the merges make {len(order) - SYMBOLS_AND_MARKS} and "
                           f"{SYMBOLS_AND_MARKS} symbols and marks")


def _check_added(path, tokens, order):
    added = [token for token, index in (tokens or {}).items() if order.get(token) != index]
    if added:
        raise ConvertError(f"{path}: {len(added)} tokens were added to the vocabulary, {added[0][:60]!r} first; sclip's "
                           "tokenizer cannot know them: take them out first")


def _pairs(merges, path):
    """tokenizer.json has "a b" or ["a", "b"]."""
    if not isinstance(merges, list) or not all(
            isinstance(pair, str) or isinstance(pair, list) and len(pair) == 2 and all(isinstance(s, str) for s in pair)
            for pair in merges):
        raise ConvertError(f"{path}: model.merges is not a list of pairs")
    return [pair if isinstance(pair, str) else " ".join(pair) for pair in merges]


def _read_json(path):
    if not path.exists():
        return None
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ConvertError(f"{path}: {path.stat().st_size} bytes are too many for a tokenizer's file")
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConvertError(f"{path}: not valid JSON: {error}"[:300]) from error
    if not isinstance(value, dict):
        raise ConvertError(f"{path}: not a JSON object")
    return value
