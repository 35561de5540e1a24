"""The reference's towers against open_clip and transformers, and its random weights against forgetfulness."""
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.reference import image, labels, random_weights, text, vision
from tests.reference.weights import model_from


@pytest.fixture(scope="module")
def state():
    return random_weights.random_state_dict()


@pytest.fixture(scope="module")
def model(state):
    return model_from(state)


@pytest.fixture(scope="module")
def window():
    """(1, 3, 224, 224)"""
    photo = image.decode("tests/data/photos/china.jpg")
    return torch.from_numpy(image.normalise(image.resize_opencv_linear(photo, 336, 504)))[None, :, 100:324, 200:424]


def relative(a, b):
    return ((a - b).abs().max() / b.abs().max()).item()


@torch.no_grad()
def test_class_token_and_text_equal_open_clips(state, model, window):
    import open_clip
    theirs = open_clip.create_model("ViT-B-16-quickgelu", precision="fp32").eval()
    theirs.load_state_dict({k: torch.from_numpy(v).float() for k, v in state.items()})
    expected = theirs.encode_image(window, normalize=True)
    # Two f32 computations that sum in different orders: 12 blocks · some 6 roundings of eps = 6e-8 each.
    assert relative(vision.tokens(model, window, "clip")[:, 0], expected) < 5e-6

    ids = text.tokenize(["a photo of a cat.", "sky", "itap of the large building with a very long description"])
    expected = theirs.encode_text(ids, normalize=True)
    assert relative(text.unit(text.encode(model, ids)), expected) < 5e-6
    assert relative(text.encode(model, ids, shorten=False), text.encode(model, ids)) < 5e-6


@torch.no_grad()
def test_all_tokens_equal_transformers(state, model, window):
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection
    theirs = CLIPVisionModelWithProjection(CLIPVisionConfig(
        hidden_size=768, intermediate_size=3072, projection_dim=512, patch_size=16, hidden_act="quick_gelu")).eval()
    s = {k: torch.from_numpy(v).float() for k, v in state.items()}
    v = "vision_model"
    renamed = {f"{v}.embeddings.class_embedding": s["visual.class_embedding"],
               f"{v}.embeddings.patch_embedding.weight": s["visual.conv1.weight"],
               f"{v}.embeddings.position_embedding.weight": s["visual.positional_embedding"],
               f"{v}.pre_layrnorm.weight": s["visual.ln_pre.weight"], f"{v}.pre_layrnorm.bias": s["visual.ln_pre.bias"],
               f"{v}.post_layernorm.weight": s["visual.ln_post.weight"],
               f"{v}.post_layernorm.bias": s["visual.ln_post.bias"], "visual_projection.weight": s["visual.proj"].T}
    for i in range(12):
        ours, to = f"visual.transformer.resblocks.{i}", f"{v}.encoder.layers.{i}"
        for kind in ("weight", "bias"):
            for name, part in zip("qkv", s[f"{ours}.attn.in_proj_{kind}"].chunk(3)):
                renamed[f"{to}.self_attn.{name}_proj.{kind}"] = part
            for a, b in [("attn.out_proj", "self_attn.out_proj"), ("ln_1", "layer_norm1"), ("ln_2", "layer_norm2"),
                         ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2")]:
                renamed[f"{to}.{b}.{kind}"] = s[f"{ours}.{a}.{kind}"]
    missing = theirs.load_state_dict(renamed, strict=False)
    assert not missing.unexpected_keys and all("position_ids" in k for k in missing.missing_keys)
    hidden = theirs.vision_model(window).last_hidden_state
    normed = F.layer_norm(hidden, (768,), s["visual.ln_post.weight"], s["visual.ln_post.bias"]) @ s["visual.proj"]
    assert relative(vision.tokens(model, window, "clip"), text.unit(normed)) < 5e-6


def test_templates_and_tokens():
    assert len(text.templates()) == 80 and text.templates()[0] == "a bad photo of a {}."
    assert text.tokenize(["a photo of a cat"])[0, :7].tolist() == [49406, 320, 1125, 539, 320, 2368, 49407]


def test_positions_are_the_authors(model):
    """Against the authors' call: bicubic with the literal scale (g + 0.1)/14."""
    table = model["visual.positional_embedding"]
    square = table[1:].reshape(1, 14, 14, -1).permute(0, 3, 1, 2)
    for h, w in [(21, 31), (14, 20), (7, 9), (35, 46), (3, 14)]:
        theirs = F.interpolate(square, scale_factor=((h + 0.1) / 14, (w + 0.1) / 14), mode="bicubic")
        assert theirs.shape[2:] == (h, w)
        ours = vision.positions(model, h, w)[1:].T.reshape(1, -1, h, w)
        # A source position in f32 is off by up to 1e-6 of a patch per patch.
        assert relative(ours, theirs) < 1e-5
    assert vision.positions(model, 7, 28) is table  # the same count keeps the table


@torch.no_grad()
def test_random_weights_discriminate(model, window):
    rows = vision.last_attention_rows(model, window, "sclip") / 2
    torch.testing.assert_close(rows.sum(-1), torch.ones(rows.shape[:-1]))
    diagonal = rows.diagonal(dim1=-2, dim2=-1).mean().item()
    entropy = -(rows * rows.clamp_min(1e-30).log()).sum(-1).mean().item()
    assert 0.03 < diagonal < 0.3 and 3.5 < entropy < 4.8 < math.log(197)
    features = {p: vision.tokens(model, window, p)[0, 1:] for p in vision.POLICIES}
    for name, other in features.items():
        if name != "sclip":  # no two policies may pass for each other
            assert (features["sclip"] * other).sum(-1).mean() < 0.985, name
    assert (features["sclip"] @ features["sclip"].T).mean() < 0.8  # nor two patches
    assert all(np.array_equal(t.numpy(), t.half().float().numpy()) for t in model.tensors.values())


def test_labels_by_hand():
    logits = torch.tensor([[[0.3, 0.0]], [[0.2, 0.0]], [[0.1, 0.0]]])  # 3 queries, 2 pixels; query 2 shares class 1
    scores = labels.class_scores(logits, [0, 1, 1], 10.0)
    assert scores.shape == (2, 1, 2)
    torch.testing.assert_close(scores[:, 0, 1], torch.full((2,), 1 / 3))  # the best synonym, not their sum
    assert labels.labels(scores, 0.0).tolist() == [[0, 0]]  # a tie goes to the lowest class
    assert labels.labels(scores.flip(0), 0.5).tolist() == [[1, 0]]  # below the threshold: class 0
    three = torch.zeros(3, 1, 10)
    three[1, 0, :9], three[2, 0, 9] = 0.5, 0.5
    assert labels.area_filter(three, 0.1)[2].max() == 0 and labels.area_filter(three, 0.09)[2].max() == 0.5


def test_merge_averages_overlaps():
    one, two = torch.ones(1, 2, 2), torch.full((1, 2, 2), 3.0)
    merged = labels.merge([one, two], [(0, 4, 0, 4), (0, 4, 2, 6)], 4, 6)
    assert merged[0, 0].tolist() == [1, 1, 2, 2, 3, 3]
