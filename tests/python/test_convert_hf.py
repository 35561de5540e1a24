"""Hugging Face folders of the full ViT-B/16 shape, written by transformers itself."""
import json
import shutil

import pytest
from transformers import CLIPConfig, CLIPModel

from convert_support import assert_same, converted, expected_of_hf, randomise


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
