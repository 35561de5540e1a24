"""open_clip's and OpenAI's checkpoints of ViT-B/16: the blob has the library's weights, bit for bit.

Of each library's a checkpoint of the full shape; the other ways to store one have its widths with two layers each."""
import copy
import json

import open_clip
import pytest
import torch
from safetensors.torch import save_file

from convert_support import assert_same, converted, expected_of_clip, randomise


def vit_b_16(layers):
    """Random f32 weights that neither f16 nor bf16 represents."""
    config = open_clip.get_model_config("ViT-B-16-quickgelu")
    config["vision_cfg"]["layers"] = config["text_cfg"]["layers"] = layers
    return randomise(open_clip.CLIP(**config))


@pytest.fixture(scope="module")
def full():
    return vit_b_16(12)


@pytest.fixture(scope="module")
def model():
    return vit_b_16(2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("open_clip")


@pytest.fixture(autouse=True)
def clean(folder):
    """Half a GB each: not kept until the end."""
    yield
    for path in folder.iterdir():
        path.unlink()


def test_safetensors_by_model_name(full, folder):
    save_file({k: v.contiguous() for k, v in full.state_dict().items()}, folder / "open_clip_model.safetensors")
    blob, metadata = converted(folder / "out.sclip", "--from", "open_clip", folder / "open_clip_model.safetensors",
                               "--model", "ViT-B-16-quickgelu", "--dtype", "f32")
    assert_same(blob, expected_of_clip(full))
    config = metadata["config"]
    assert config["activation"] == "quick_gelu" and config["layer_norm_eps"] == 1e-5
    assert config["vision"] == {"image_size": 224, "patch_size": 16, "width": 768, "layers": 12, "heads": 12,
                                "mlp_width": 3072}
    assert config["text"] == {"context": 77, "vocabulary": 49408, "width": 512, "layers": 12, "heads": 8,
                              "mlp_width": 2048}
    assert metadata["preprocessing"] == {"mean": [122.771, 116.746, 104.094], "std": [68.501, 66.632, 70.323],
                                         "crop": 224, "stride": 112, "short_side": 336}
    assert blob["tokenizer.merges"].tobytes().count(b"\n") == 48894


def test_bin_by_config_beside_it(model, folder):
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    config = {"model_cfg": {"embed_dim": 512, "vision_cfg": {"image_size": 224, "layers": 2, "width": 768,
                                                             "patch_size": 16},
                            "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 512, "heads": 8,
                                         "layers": 2}},
              "preprocess_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    blob, metadata = converted(folder / "out.sclip", "--from", "open_clip", folder / "open_clip_pytorch_model.bin",
                               "--dtype", "f32")
    assert_same(blob, expected_of_clip(model))
    assert metadata["config"]["activation"] == "gelu"
    assert metadata["preprocessing"]["mean"] == [127.5] * 3 and metadata["preprocessing"]["std"] == [63.75] * 3


def test_training_checkpoint_in_the_old_stream_format(model, folder):
    state = {f"module.{k}": v for k, v in model.state_dict().items()}
    torch.save({"epoch": 3, "name": "run", "state_dict": state, "optimizer": {"lr": 0.1}}, folder / "epoch_3.pt",
               _use_new_zipfile_serialization=False)
    blob, metadata = converted(folder / "out.sclip", "--from", "open_clip", folder / "epoch_3.pt", "--model",
                               "ViT-B-16", "--dtype", "f32")
    assert_same(blob, expected_of_clip(model))
    assert metadata["config"]["activation"] == "gelu"


@pytest.mark.parametrize("dtype, torch_dtype", [("f16", torch.float16), ("bf16", torch.bfloat16)])
def test_rounding_is_pytorchs(model, folder, dtype, torch_dtype):
    torch.save(model.state_dict(), folder / "model.bin")
    blob, _ = converted(folder / "out.sclip", "--from", "open_clip", folder / "model.bin", "--model", "ViT-B-16",
                        "--dtype", dtype)
    # Matrices are rounded; vectors and position tables are not.
    expected = {name: value if value.ndim == 1 or "positional" in name else value.to(torch_dtype)
                for name, value in expected_of_clip(model).items()}
    assert_same(blob, expected)


def test_bfloat16_checkpoint(model, folder):
    state = {k: v.bfloat16() for k, v in model.state_dict().items()}
    torch.save(state, folder / "model.bin")
    blob, _ = converted(folder / "out.sclip", "--from", "open_clip", folder / "model.bin", "--model", "ViT-B-16",
                        "--dtype", "bf16")
    assert_same(blob, {name: value.bfloat16() for name, value in expected_of_clip(model).items()})


def as_openai_publishes(model):
    """The same model with f16 matrices and the three buffers that OpenAI's archives have."""
    theirs = copy.deepcopy(model)
    open_clip.convert_weights_to_lp(theirs, torch.float16)
    for name, value in (("input_resolution", 224), ("context_length", 77), ("vocab_size", 49408)):
        if hasattr(theirs, name):
            delattr(theirs, name)
        theirs.register_buffer(name, torch.tensor(value))
    return theirs.eval()


def test_openai_torchscript_archive(full, folder):
    theirs = as_openai_publishes(full)
    torch.jit.script(theirs).save(str(folder / "ViT-B-16.pt"))
    blob, metadata = converted(folder / "out.sclip", "--from", "openai", folder / "ViT-B-16.pt")
    expected = expected_of_clip(theirs)
    assert expected["visual.blocks.0.attn.qkv.weight"].dtype == torch.float16
    assert expected["text.token_embedding"].dtype == torch.float32
    expected["text.token_embedding"] = expected["text.token_embedding"].half()
    assert_same(blob, expected)
    assert metadata["config"]["activation"] == "quick_gelu" and metadata["model"] == "ViT-B-16"
    assert metadata["config"]["vision"]["heads"] == 12 and metadata["config"]["text"]["heads"] == 8


def test_traced_archive(folder):
    """OpenAI traced its models rather than scripted them."""
    config = open_clip.get_model_config("ViT-B-32-quickgelu")
    config["vision_cfg"]["layers"] = config["text_cfg"]["layers"] = 2
    model = randomise(open_clip.CLIP(**config))
    inputs = (torch.zeros(1, 3, 224, 224), torch.zeros(1, 77, dtype=torch.int64))
    torch.jit.trace(model, inputs, check_trace=False).save(str(folder / "traced.pt"))
    blob, _ = converted(folder / "out.sclip", "--from", "openai", folder / "traced.pt", "--dtype", "f32")
    assert_same(blob, expected_of_clip(model))


@pytest.mark.parametrize("wrapped", [False, True])
def test_openai_state_dict(model, folder, wrapped):
    state = as_openai_publishes(model).state_dict()
    assert "input_resolution" in state
    torch.save({"state_dict": state, "meta": {"patch": 16}} if wrapped else state, folder / "state.pt")
    blob, _ = converted(folder / "out.sclip", "--from", "openai", folder / "state.pt", "--dtype", "f32")
    assert_same(blob, expected_of_clip(as_openai_publishes(model)))


@pytest.mark.parametrize("name, heads, grid", [("ViT-B-32-quickgelu", 12, 7), ("ViT-L-14", 16, 16),
                                               ("ViT-L-14-336-quickgelu", 16, 24), ("ViT-H-14", 16, 16)])
def test_other_shapes(folder, name, heads, grid):
    """Their real widths with two layers each, for the disk's sake."""
    config = open_clip.get_model_config(name)
    config["vision_cfg"]["layers"] = config["text_cfg"]["layers"] = 2
    model = randomise(open_clip.CLIP(**config))
    torch.save(model.state_dict(), folder / "model.pt")
    blob, metadata = converted(folder / "out.sclip", "--from", "open_clip", folder / "model.pt", "--model", name,
                               "--dtype", "f32")
    assert_same(blob, expected_of_clip(model))
    vision = metadata["config"]["vision"]
    assert vision["heads"] == heads == model.visual.transformer.resblocks[0].attn.num_heads
    assert vision["image_size"] == grid * vision["patch_size"] == config["vision_cfg"]["image_size"]
    assert metadata["config"]["text"]["heads"] == model.transformer.resblocks[0].attn.num_heads
    assert metadata["config"]["activation"] == ("quick_gelu" if name.endswith("quickgelu") else "gelu")


def test_custom_text_clip(folder):
    """The same towers with the text one under `text.`."""
    config = open_clip.get_model_config("ViT-B-16")
    config["vision_cfg"]["layers"] = config["text_cfg"]["layers"] = 1
    model = randomise(open_clip.CustomTextCLIP(**config))
    torch.save(model.state_dict(), folder / "model.pt")
    blob, _ = converted(folder / "out.sclip", "--from", "open_clip", folder / "model.pt", "--model", "ViT-B-16",
                        "--dtype", "f32")
    text = model.text
    for name in ("token_embedding", "positional_embedding", "ln_final", "text_projection", "transformer"):
        setattr(model, name, getattr(text, name))
    assert_same(blob, expected_of_clip(model))
