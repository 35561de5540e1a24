"""open_clip's names and tags, the GELU kind they stand for, and what the weights say against them."""
import json
import shutil
import sys

import open_clip
import pytest
import torch
from convert_kinds import TEXT, VISION, clip
from convert_support import PACKAGE, convert, converted, refused

from sclip_convert.open_clip_names import model_of, models, tag_of

sys.path.insert(0, str(PACKAGE))
import make_open_clip_tables  # noqa: E402


@pytest.fixture(scope="module", name="original")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("names") / "m.pt"
    torch.save(clip().state_dict(), path)
    return path


@pytest.fixture(name="path")
def own_copy(original, tmp_path):
    return shutil.copy(original, tmp_path / "m.pt")


def activation(path, *options):
    return converted(path.with_name("ok.sclip"), "--from", "open_clip", path, *options)[1]["config"]["activation"]


def refuse(path, *options):
    return refused(path.with_name("m.sclip"), "--from", "open_clip", path, *options)


def test_the_tables_are_open_clips():
    data = PACKAGE / "sclip_convert/data"
    for name, text in (("models", make_open_clip_tables.models_csv()), ("tags", make_open_clip_tables.tags_csv())):
        assert (data / f"open_clip_{name}.csv").read_text(encoding="utf-8") == text, "run make_open_clip_tables.py"


@pytest.mark.parametrize("typo, meant", [
    ("ViT-B-16-quickGELU", "ViT-B-16-quickgelu"), ("ViT-B-16-quick-gelu", "ViT-B-16-quickgelu"), ("ViT-B16", "ViT-B-16"),
    ("vit-b-16", "ViT-B-16"), ("ViT_B_16", "ViT-B-16"), ("ViTB16quickgelu", "ViT-B-16-quickgelu"),
    ("ViT-L-14@336px", "ViT-L-14-336"), ("ViT-B-61", "ViT-B-16"), ("Vit-L-14-quikgelu", "ViT-L-14-quickgelu"),
    ("nonsense", "--activation"), ("ViT-B-16 ", "ViT-B-16")])
def test_typos_are_refused_with_what_was_meant(typo, meant, path):
    said = refuse(path, "--model", typo)
    assert "none of open_clip's" in said and meant in said


def test_a_slash_is_a_dash(path):
    assert activation(path, "--model", "ViT-B/16") == "gelu"


@pytest.mark.parametrize("name", [name for name, row in models().items() if row["family"]])
def test_names_of_other_families(name, path):
    said = refuse(path, "--model", name)
    assert models()[name]["family"] in said and "only CLIP's own" in said


def test_every_plain_name_has_open_clips_activation():
    for name in (name for name, row in models().items() if not row["family"]):
        expected = "quick_gelu" if open_clip.get_model_config(name).get("quick_gelu") else "gelu"
        assert model_of(name)["activation"] == expected


@pytest.mark.parametrize("name, tag, kind", [
    ("ViT-B-16", "openai", "quick_gelu"), ("ViT-B-16-quickgelu", "openai", "quick_gelu"),
    ("ViT-B-16", "laion2b_s34b_b88k", "gelu"), ("ViT-B-16-quickgelu", "dfn2b", "quick_gelu"),
    ("ViT-B-16-quickgelu", "metaclip_400m", "quick_gelu"), ("ViT-B-32", "metaclip_400m", "quick_gelu")])
def test_tags_decide(name, tag, kind, path):
    run = convert("--from", "open_clip", path, "--model", name, "--pretrained", tag, "-o", path.with_name("m.sclip"))
    assert run.returncode == 0 and f" {kind}," in run.stdout, run.stderr
    assert activation(path, "--model", name, "--pretrained", tag) == kind


def test_a_tag_brings_its_normalisation(path):
    _, metadata = converted(path.with_name("m.sclip"), "--from", "open_clip", path, "--model", "ViT-L-14", "--pretrained",
                            "laion2b_s32b_b82k")
    assert metadata["preprocessing"]["mean"] == [127.5] * 3 and metadata["preprocessing"]["std"] == [127.5] * 3
    assert tag_of("ViT-L-14", "laion2b_s32b_b82k").mean == (0.5, 0.5, 0.5)


def test_unknown_tags(path):
    assert "did you mean metaclip_400m" in refuse(path, "--model", "ViT-B-16-quickgelu", "--pretrained", "metaclip400m")
    assert "name that with --model" in refuse(path, "--pretrained", "openai")


def config_file(path, **model):
    where = path.with_name("c.json")
    where.write_text(json.dumps({"model_cfg": {"embed_dim": 32, "vision_cfg": VISION, "text_cfg": TEXT, **model}}))
    return where


def test_contradictions_are_refused_and_activation_decides(path):
    config = config_file(path, quick_gelu=True)
    said = refuse(path, "--model", "ViT-B-16", "--config", config)
    assert "--model ViT-B-16 means gelu" in said and "c.json means quick_gelu" in said and "--activation" in said
    assert activation(path, "--model", "ViT-B-16", "--config", config, "--activation", "gelu") == "gelu"
    config.rename(path.with_name("open_clip_config.json"))
    assert "decide with --activation" in refuse(path, "--model", "ViT-B-16")
    assert activation(path) == "quick_gelu"
    run = convert("--from", "open_clip", path, "--activation", "gelu", "-o", path.with_name("ok.sclip"))
    assert run.returncode == 0 and "sclip_convert: warning: --activation gelu was taken, although" in run.stderr


@pytest.mark.parametrize("name", ["openai_vit_b_16.pt", "metaclip-b16.pt", "DFN2B-CLIP-ViT-B-16.pt"])
def test_files_named_after_quickgelu_weights(name, path):
    path = path.rename(path.with_name(name))
    assert "in the file's name means quick_gelu" in refuse(path, "--model", "ViT-B-16")
    assert activation(path, "--model", "ViT-B-16-quickgelu") == "quick_gelu"
    assert activation(path, "--activation", "gelu") == "gelu"


def test_published_weights_are_known_by_their_digest(path, monkeypatch):
    from sclip_convert import source_open_clip
    from sclip_convert.checkpoint import digest
    monkeypatch.setitem(source_open_clip.PUBLISHED, digest(path), "ViT-B-16")
    assert "the file is OpenAI's ViT-B-16 means quick_gelu" in refuse(path, "--model", "ViT-B-16")


def test_a_name_of_other_shapes(tmp_path):
    """Shapes of another model of open_clip's are refused under this name, shapes of none are taken with a warning."""
    vision, text = open_clip.get_model_config("ViT-B-32")["vision_cfg"], open_clip.get_model_config("ViT-B-32")["text_cfg"]
    model = open_clip.CLIP(512, vision, text)
    torch.save(model.state_dict(), tmp_path / "b32.pt")
    said = refuse(tmp_path / "b32.pt", "--model", "ViT-B-16")
    assert "patch 32 where it has 16" in said and "the shapes of ViT-B-32" in said
    run = convert("--from", "open_clip", tmp_path / "b32.pt", "--model", "ViT-B-32", "-o", tmp_path / "m.sclip")
    assert run.returncode == 0 and not run.stderr and "ViT-B-32," in run.stdout
    torch.save(clip().state_dict(), tmp_path / "small.pt")
    run = convert("--from", "open_clip", tmp_path / "small.pt", "--model", "ViT-B-16", "-o", tmp_path / "m.sclip")
    assert run.returncode == 0 and "width 64 where it has 768" in run.stderr and "small," in run.stdout


@pytest.mark.parametrize("section, key, value", [
    (None, "embed_dim", 64), ("vision_cfg", "width", 128), ("vision_cfg", "layers", 3), ("vision_cfg", "patch_size", 32),
    ("text_cfg", "width", 128), ("text_cfg", "layers", 1), ("text_cfg", "context_length", 76),
    ("text_cfg", "vocab_size", 49409)])
def test_a_config_of_other_shapes(section, key, value, path):
    change = {key: value} if section is None else {section: {**(VISION if section == "vision_cfg" else TEXT), key: value}}
    said = refuse(path, "--config", config_file(path, **change))
    assert f"{key} is {value}, the weights have" in said


def test_a_config_with_an_entry_that_is_unknown(path):
    said = refuse(path, "--config", config_file(path, vision_cfg={**VISION, "registers": 4}))
    assert "vision_cfg.registers is unknown" in said


@pytest.mark.parametrize("source", ["openai", "hf"])
@pytest.mark.parametrize("option", ["--model", "--config", "--pretrained"])
def test_options_of_open_clip_alone(source, option, path):
    assert f"{option} goes with --from open_clip" in refused(path.with_name("m.sclip"), "--from", source, path, option, "x")
