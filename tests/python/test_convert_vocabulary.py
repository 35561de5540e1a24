"""Whose merges a blob gets: CLIP's for CLIP's vocabulary, the model's own for another, none that were made up."""
import gzip
import json

import pytest
import torch
from convert_kinds import KINDS, clip, hugging_face, other_merges
from convert_support import converted, refused

from sclip_convert.merges import BUNDLED, merges_text, read_merges

OWN = other_merges()
SIZE = 514 + len(OWN)
GELU = ("--activation", "gelu")


def text(lines):
    return ("\n".join(lines) + "\n").encode()


def resized(vocabulary):
    state = clip().state_dict()
    state["token_embedding.weight"] = torch.randn(vocabulary, 64)
    return state


@pytest.fixture(name="own")
def own_vocabulary(tmp_path):
    """A checkpoint of open_clip's with a vocabulary of its own."""
    torch.save(resized(SIZE), tmp_path / "m.pt")
    return tmp_path / "m.pt"


def refuse(path, *options, source="open_clip"):
    return refused(path.with_name("out.sclip"), "--from", source, path, *(GELU if source == "open_clip" else ()), *options)


@pytest.mark.parametrize("vocabulary", [49407, 49409, 49410, 600, 32000, 64000, 250100, 256000, 262659])
def test_another_vocabulary_needs_its_merges(vocabulary, tmp_path):
    torch.save(resized(vocabulary), tmp_path / "m.pt")
    said = refuse(tmp_path / "m.pt")
    assert f"a vocabulary of {vocabulary} is not CLIP's 49408: name the tokenizer's merges with --merges" in said


@pytest.mark.parametrize("vocabulary", [49407, 49409, 600])
def test_clips_own_file_does_not_make_another_vocabulary(vocabulary, tmp_path):
    torch.save(resized(vocabulary), tmp_path / "m.pt")
    assert f"a vocabulary of {vocabulary} takes {vocabulary - 514}" in refuse(tmp_path / "m.pt", "--merges", BUNDLED)


def test_clips_own_file_by_name_is_the_bundled_one(tmp_path):
    torch.save(clip().state_dict(), tmp_path / "m.pt")
    blob, _ = converted(tmp_path / "m.sclip", "--from", "open_clip", tmp_path / "m.pt", *GELU, "--merges", BUNDLED)
    assert blob["tokenizer.merges"].tobytes() == merges_text(49408)


@pytest.mark.parametrize("head", ["", "#version: 0.2\n"])
@pytest.mark.parametrize("zipped", [False, True])
def test_merges_by_option(head, zipped, own):
    merges = own.with_name("merges.gz" if zipped else "merges.any")
    data = head.encode() + text(OWN)
    merges.write_bytes(gzip.compress(data) if zipped else data)
    blob, metadata = converted(own.with_name("m.sclip"), "--from", "open_clip", own, *GELU, "--merges", merges)
    assert blob["tokenizer.merges"].tobytes() == text(OWN) and metadata["config"]["text"]["vocabulary"] == SIZE


def test_merges_beside_the_file(own):
    own.with_name("merges.txt").write_bytes(b"#version: 0.2\n" + text(OWN))
    blob, _ = converted(own.with_name("m.sclip"), "--from", "open_clip", own, *GELU)
    assert blob["tokenizer.merges"].tobytes() == text(OWN)


def test_merges_beside_a_file_of_clips_vocabulary_are_not_its_own(tmp_path):
    """open_clip gives such a model CLIP's tokenizer, whatever lies beside it."""
    torch.save(clip().state_dict(), tmp_path / "m.pt")
    (tmp_path / "merges.txt").write_bytes(text(OWN))
    blob, _ = converted(tmp_path / "m.sclip", "--from", "open_clip", tmp_path / "m.pt", *GELU)
    assert blob["tokenizer.merges"].tobytes() == merges_text(49408)


@pytest.mark.parametrize("change, says", [
    (lambda lines: lines[:-1], "1 tokens were added"), (lambda lines: lines + ["a b"], "merges, a vocabulary of"),
    (lambda lines: lines[:-1] + ["a b c"], "is not a pair"), (lambda lines: lines[:-1] + [""], "is not a pair"),
    (lambda lines: ["", *lines[1:]], "is not a pair")])
def test_merges_that_do_not_fit(change, says, own):
    own.with_name("merges.txt").write_bytes(text(change(OWN)))
    assert says in refuse(own)
    assert says in refuse(own, "--merges", own.with_name("merges.txt"))


@pytest.fixture(name="folder")
def hugging_face_folder(tmp_path):
    """A folder with a tokenizer of its own that is right."""
    kind = next(kind for kind in KINDS if "`vocab.json`" in kind.label)
    return kind.make(tmp_path).arguments[0]


def spoil(path, change):
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")


def test_the_folder_is_right_to_begin_with(folder):
    blob, _ = converted(folder.with_name("m.sclip"), "--from", "hf", folder)
    assert blob["tokenizer.merges"].tobytes() == text(OWN)


def swap(vocabulary):
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]


@pytest.mark.parametrize("name, change, says", [
    ("vocab.json", swap, "in CLIP's order it would be"),
    ("vocab.json", lambda v: v.update({"<cat-toy>": SIZE}), "'<cat-toy>' is number"),
    ("vocab.json", lambda v: v.pop("a"), "tokens, the merges make"),
    ("vocab.json", lambda v: v.update({"<|startoftext|>": SIZE - 1, "<|endoftext|>": SIZE - 2}), "is number"),
    ("tokenizer_config.json", lambda v: v.update({"tokenizer_class": "T5Tokenizer"}), "'T5Tokenizer'")])
def test_tokenizers_that_number_otherwise(name, change, says, folder):
    spoil(folder / name, change)
    assert says in refuse(folder, source="hf")


def test_tokens_added_to_the_folder(folder):
    (folder / "added_tokens.json").write_text('{"<cat-toy>": %d}' % SIZE)
    assert "1 tokens were added to the vocabulary, '<cat-toy>' first" in refuse(folder, source="hf")


@pytest.mark.parametrize("change, says", [
    (lambda v: v["model"].update({"type": "Unigram"}), "not a byte-pair tokenizer"),
    (lambda v: v["model"].update({"end_of_word_suffix": None}), "not a byte-pair tokenizer"),
    (lambda v: v["model"].update({"merges": [1, 2]}), "not a list of pairs"),
    (lambda v: swap(v["model"]["vocab"]), "in CLIP's order"),
    (lambda v: v["added_tokens"].append({"content": "<cat-toy>", "id": SIZE}), "'<cat-toy>' first")])
def test_tokenizer_json(change, says, tmp_path):
    folder = next(kind for kind in KINDS if "`tokenizer.json`" in kind.label).make(tmp_path).arguments[0]
    spoil(folder / "tokenizer.json", change)
    assert says in refuse(folder, source="hf")


@pytest.mark.parametrize("content", ["{", "[1]", "[" * 10**5])
def test_tokenizer_files_that_are_broken(content, folder):
    (folder / "vocab.json").write_text(content)
    assert "vocab.json: not" in refuse(folder, source="hf")


def test_tokens_added_to_a_clip_with_its_tokenizer(tmp_path):
    """As `tokenizer.add_tokens` and `resize_token_embeddings` leave it: one row more, CLIP's merges."""
    hugging_face(vocabulary=49409, eos_token_id=49407).save_pretrained(tmp_path / "hf")
    (tmp_path / "hf/merges.txt").write_bytes(b"#version: 0.2\n" + text(read_merges(BUNDLED)[:48894]))
    said = refuse(tmp_path / "hf", source="hf")
    assert "has 48894 merges, a vocabulary of 49409 takes 48895; 1 tokens were added" in said


def test_the_folders_merges_do_not_hide_behind_the_option(folder):
    """--merges is the user's word; the ids of the folder's tokenizer are then not looked at."""
    spoil(folder / "vocab.json", swap)
    (folder / "mine.txt").write_bytes(text(OWN))
    blob, _ = converted(folder.with_name("m.sclip"), "--from", "hf", folder, "--merges", folder / "mine.txt")
    assert blob["tokenizer.merges"].tobytes() == text(OWN)
