"""What the converter's tests share: running it, reading blobs with the safetensors library, random checkpoints."""
import contextlib
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch
from safetensors import safe_open

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "weights/convert"
sys.path.insert(0, str(PACKAGE))
from sclip_convert import cli  # noqa: E402

TINY = {"vision_width": 64, "text_width": 64, "embed": 32, "vision_layers": 2, "text_layers": 1, "image_size": 32,
        "context": 16, "vocabulary": 49408}


def convert(*arguments):
    """The command, run in this process for speed; an exception other than its own errors fails the test."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = cli.main([str(argument) for argument in arguments])
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


def converted(out, *arguments):
    """Converts, which must succeed, and reads the blob."""
    run = convert(*arguments, "-o", out)
    assert run.returncode == 0, run.stderr
    return read_blob(out)


def refused(out, *arguments):
    """Converts, which must fail as the command line promises; returns the message."""
    run = convert(*arguments, "-o", out)
    assert run.returncode == 2, (run.returncode, run.stdout, run.stderr)
    assert run.stderr.startswith("sclip_convert: error: ") and run.stderr.count("\n") == 1, run.stderr
    assert not out.exists() and not list(out.parent.glob(f"{out.name}.tmp*"))
    return run.stderr


def read_blob(path):
    """({name: f32 array}, {metadata}), by the safetensors library; bytes stay bytes."""
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        metadata = dict(file.metadata())
    for key in ("config", "preprocessing"):
        metadata[key] = json.loads(metadata[key])
    return {name: (t if t.dtype == torch.uint8 else t.float()).numpy() for name, t in tensors.items()}, metadata


def assert_same(blob, expected):
    """Every tensor of the blob but the merges, bit for bit."""
    assert set(blob) == set(expected) | {"tokenizer.merges"}
    for name, value in expected.items():
        value = value.detach().float().numpy() if isinstance(value, torch.Tensor) else np.asarray(value, np.float32)
        np.testing.assert_array_equal(blob[name], value, err_msg=name)


def randomise(model, seed=1):
    """Random but discriminating parameters for any model: no gain is 1, no bias 0."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.ndim == 0:
                continue
            if parameter.ndim == 1:
                is_gain = name.endswith("weight")
                parameter.copy_(1 + 0.1 * noise if is_gain else 0.1 * noise)
            elif "embed" in name and "patch" not in name:
                parameter.copy_(0.3 * noise)
            else:
                parameter.copy_(noise / parameter[0].numel() ** 0.5)
    return model.eval()


def expected_of_clip(model):
    """{our name: tensor} of an open_clip model, read off its modules."""
    out = {"visual.patch_embed.weight": model.visual.conv1.weight,
           "visual.class_embedding": model.visual.class_embedding,
           "visual.positional_embedding": model.visual.positional_embedding,
           "visual.projection": model.visual.proj, "text.token_embedding": model.token_embedding.weight,
           "text.positional_embedding": model.positional_embedding, "text.projection": model.text_projection}
    for name, norm in (("visual.ln_pre", model.visual.ln_pre), ("visual.ln_post", model.visual.ln_post),
                       ("text.ln_final", model.ln_final)):
        _put(out, name, norm)
    for tower, blocks in (("visual", model.visual.transformer.resblocks), ("text", model.transformer.resblocks)):
        for i, block in enumerate(blocks):
            prefix = f"{tower}.blocks.{i}"
            out[f"{prefix}.attn.qkv.weight"] = block.attn.in_proj_weight
            out[f"{prefix}.attn.qkv.bias"] = block.attn.in_proj_bias
            for name, module in (("ln_1", block.ln_1), ("attn.out", block.attn.out_proj), ("ln_2", block.ln_2),
                                 ("mlp.fc1", block.mlp.c_fc), ("mlp.fc2", block.mlp.c_proj)):
                _put(out, f"{prefix}.{name}", module)
    return out


def expected_of_hf(model):
    """{our name: tensor} of a transformers CLIPModel, read off its modules."""
    vision, text = model.vision_model, model.text_model
    out = {"visual.patch_embed.weight": vision.embeddings.patch_embedding.weight,
           "visual.class_embedding": vision.embeddings.class_embedding,
           "visual.positional_embedding": vision.embeddings.position_embedding.weight,
           "visual.projection": model.visual_projection.weight.T,
           "text.token_embedding": text.embeddings.token_embedding.weight,
           "text.positional_embedding": text.embeddings.position_embedding.weight,
           "text.projection": model.text_projection.weight.T}
    for name, norm in (("visual.ln_pre", vision.pre_layrnorm), ("visual.ln_post", vision.post_layernorm),
                       ("text.ln_final", text.final_layer_norm)):
        _put(out, name, norm)
    for tower, layers in (("visual", vision.encoder.layers), ("text", text.encoder.layers)):
        for i, layer in enumerate(layers):
            prefix, attn = f"{tower}.blocks.{i}", layer.self_attn
            for part in ("weight", "bias"):
                out[f"{prefix}.attn.qkv.{part}"] = torch.cat(
                    [getattr(attn.q_proj, part), getattr(attn.k_proj, part), getattr(attn.v_proj, part)])
            for name, module in (("ln_1", layer.layer_norm1), ("attn.out", attn.out_proj), ("ln_2", layer.layer_norm2),
                                 ("mlp.fc1", layer.mlp.fc1), ("mlp.fc2", layer.mlp.fc2)):
                _put(out, f"{prefix}.{name}", module)
    return out


def _put(out, name, module):
    out[f"{name}.weight"], out[f"{name}.bias"] = module.weight, module.bias
