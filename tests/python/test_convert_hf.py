"""Hugging Face folders of the full ViT-B/16 shape, written by transformers itself."""
import json
import shutil

import pytest
from transformers import CLIPConfig, CLIPModel

from convert_support import assert_same, converted, expected_of_hf, randomise

from sclip_convert import source_hf
from sclip_convert.errors import ConvertError


@pytest.fixture(autouse=True)
def clean(tmp_path):
    """A GB for each test: not kept until the end."""
    yield
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="module")
def model():
    return randomise(CLIPModel(CLIPConfig(vision_config={"patch_size": 16})))


def check(model, folder, out):
    blob, metadata = converted(out, "--from", "hf", folder, "--dtype", "f32")
    assert_same(blob, expected_of_hf(model))
    config = metadata["config"]
    assert config["vision"] == {"image_size": 224, "patch_size": 16, "width": 768, "layers": 12, "heads": 12,
                                "mlp_width": 3072}
    assert config["text"]["heads"] == 8 and config["embed_dim"] == 512
    return metadata


def test_safetensors(model, tmp_path):
    model.save_pretrained(tmp_path / "clip")
    metadata = check(model, tmp_path / "clip", tmp_path / "out.sclip")
    assert metadata["config"]["activation"] == "quick_gelu"
    assert metadata["model"] == "clip"


def test_sharded_safetensors(model, tmp_path):
    model.save_pretrained(tmp_path / "clip", max_shard_size="200MB")
    assert len(list((tmp_path / "clip").glob("model-*.safetensors"))) > 2
    check(model, tmp_path / "clip", tmp_path / "out.sclip")


@pytest.mark.parametrize("shard", ["1GB", "200MB"])
def test_pytorch_model_bin(model, tmp_path, shard):
    model.save_pretrained(tmp_path / "clip", safe_serialization=False, max_shard_size=shard)
    assert not list((tmp_path / "clip").glob("*.safetensors"))
    check(model, tmp_path / "clip", tmp_path / "out.sclip")


def test_gelu_heads_eps_and_preprocessor_come_from_the_folder(tmp_path):
    tower = {"hidden_size": 96, "intermediate_size": 160, "num_hidden_layers": 2, "num_attention_heads": 4,
             "hidden_act": "gelu", "layer_norm_eps": 1e-6}
    config = CLIPConfig(vision_config={**tower, "image_size": 30, "patch_size": 14}, projection_dim=48,
                        text_config={**tower, "num_attention_heads": 8, "vocab_size": 600,
                                     "max_position_embeddings": 9, "eos_token_id": 599})
    model = randomise(CLIPModel(config))
    model.save_pretrained(tmp_path / "tiny")
    preprocessor = {"image_mean": [0, 0.5, 1], "image_std": [1] * 3}
    (tmp_path / "tiny/preprocessor_config.json").write_text(json.dumps(preprocessor))
    (tmp_path / "tiny/merges.txt").write_text("#version: 0.2\n" + "".join(f"a b{i}\n" for i in range(86)))
    blob, metadata = converted(tmp_path / "out.sclip", "--from", "hf", tmp_path / "tiny", "--dtype", "f32")
    assert_same(blob, expected_of_hf(model))
    assert metadata["config"]["vision"]["heads"] == 4 and metadata["config"]["text"]["heads"] == 8
    assert metadata["config"]["activation"] == "gelu" and metadata["config"]["layer_norm_eps"] == 1e-6
    assert metadata["config"]["vision"]["image_size"] == 28
    assert metadata["preprocessing"]["mean"] == [0, 127.5, 255]
    assert blob["tokenizer.merges"].tobytes().startswith(b"a b0\na b1\n")


TOWER = {"hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2, "num_attention_heads": 4, "layer_norm_eps": 1e-6}


@pytest.mark.parametrize("sections", [
    {"vision_config_dict": {**TOWER, "hidden_act": "gelu"}, "text_config_dict": {**TOWER, "hidden_act": "gelu"}},
    {"vision_config": TOWER, "text_config_dict": TOWER}, {"vision_config_dict": TOWER, "text_config": TOWER},
    {"vision_config": {**TOWER, "hidden_act": "gelu", "patch_size": 16}, "vision_config_dict": TOWER, "text_config": TOWER},
    {"vision_config": TOWER, "vision_config_dict": {**TOWER, "patch_size": 16}, "text_config_dict": TOWER, "text_config": None},
    {"vision_config": None, "vision_config_dict": None, "text_config": None, "text_config_dict": None}, {}])
def test_old_and_new_sections_mean_what_transformers_takes_them_for(sections, tmp_path):
    theirs = CLIPConfig(**sections)
    ours, _ = source_hf._config({"model_type": "clip", **sections}, tmp_path / "config.json", None, 100.0)
    for side, tower in ((ours.vision, theirs.vision_config), (ours.text, theirs.text_config)):
        assert (side.width, side.layers, side.heads, side.mlp_width) == (
            tower.hidden_size, tower.num_hidden_layers, tower.num_attention_heads, tower.intermediate_size)
        assert (ours.activation, ours.layer_norm_eps) == (tower.hidden_act, tower.layer_norm_eps)
    vision, text = theirs.vision_config, theirs.text_config
    assert (ours.patch_size, ours.image_size) == (vision.patch_size, vision.image_size // vision.patch_size * vision.patch_size)
    assert (ours.context, ours.vocabulary, ours.embed_dim) == (text.max_position_embeddings, text.vocab_size, theirs.projection_dim)


@pytest.mark.parametrize("sections, says", [
    ({"vision_config": {"num_channels": 4}}, "num_channels is 4"), ({"vision_config": [1]}, "not JSON objects"),
    ({"text_config_dict": 5}, "not JSON objects"), ({"text_config": {"hidden_act": ["gelu"]}}, "hidden_act"),
    ({"vision_config": {"hidden_act": ["gelu"]}, "text_config": {"hidden_act": ["gelu"]}}, "hidden_act is"),
    ({"vision_config": {"hidden_size": "wide"}}, "not a number"), ({"vision_config": {"patch_size": 0}}, "not a number")])
def test_sections_that_cannot_be_read(sections, says, tmp_path):
    with pytest.raises(ConvertError, match=says):
        source_hf._config({"model_type": "clip", **sections}, tmp_path / "config.json", None, 100.0)
