"""Small checkpoints of every kind that the converter takes, made by the libraries that write such files.

Each maker gets an empty folder and returns a Made; the table in weights/convert/README.md has a row for each.
"""
import argparse
import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, List

import numpy as np
import open_clip
import torch
from convert_support import PACKAGE, randomise
from PIL import Image
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

TEXTS = ["a photo of a cat.", "sky", "a bad photo of the traffic light, at night"]
MEAN = torch.tensor([122.771, 116.746, 104.094]).reshape(3, 1, 1)
STD = torch.tensor([68.501, 66.632, 70.323]).reshape(3, 1, 1)
VISION = {"width": 64, "layers": 2, "patch_size": 16, "image_size": 64}
TEXT = {"width": 64, "layers": 2, "heads": 1, "context_length": 77, "vocab_size": 49408}


@dataclass
class Made:
    """A checkpoint, and the model that it is of: `images` and `texts` map a batch to embeddings."""

    arguments: List[object]  # of sclip_convert, without -o and --dtype
    images: Callable
    texts: Callable
    size: int = 64


@dataclass
class Kind:
    """A row of the table: `make(folder)` gives a Made."""

    label: str
    source: str
    make: Callable


def clip(quick_gelu=False, custom_text=False, vision=None):
    """A small random model of open_clip's."""
    kind = open_clip.CustomTextCLIP if custom_text else open_clip.CLIP
    return randomise(kind(embed_dim=32, vision_cfg={**VISION, **(vision or {})}, text_cfg=dict(TEXT), quick_gelu=quick_gelu))


def hugging_face(activation="quick_gelu", vocabulary=49408, **text):
    """A small random CLIPModel of transformers."""
    tower = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 1,
             "hidden_act": activation}
    config = CLIPConfig(projection_dim=32, vision_config={**tower, "image_size": 64, "patch_size": 16},
                        text_config={**tower, "vocab_size": vocabulary, "eos_token_id": vocabulary - 1, **text})
    return randomise(CLIPModel(config))


def of_clip(model, arguments):
    """Made of an open_clip model; its embeddings come from encode_image and encode_text."""
    tokens = open_clip.get_tokenizer("ViT-B-16")(TEXTS)
    return Made(arguments, model.encode_image, lambda: model.encode_text(tokens), model.visual.image_size[0])


def of_hugging_face(model, folder, tokens=None):
    """Made of a CLIPModel."""
    tokens = open_clip.get_tokenizer("ViT-B-16")(TEXTS) if tokens is None else tokens
    return Made([folder], lambda images: model.get_image_features(pixel_values=images),
                lambda: model.get_text_features(input_ids=tokens))


def photos(folder, size):
    """Paths of two size × size PNGs, and the same normalised, (2, 3, size, size)."""
    photo = Image.open(PACKAGE.parents[1] / "tests/data/photos/china.jpg").convert("RGB")
    paths, arrays = [], []
    for i, (x, y) in enumerate(((0, 0), (300, 150))):
        crop = photo.crop((x, y, x + size, y + size))
        paths.append(folder / f"{i}.png")
        crop.save(paths[-1])
        arrays.append((torch.from_numpy(np.asarray(crop).copy()).permute(2, 0, 1).float() - MEAN) / STD)
    return paths, torch.stack(arrays)


def contiguous(state):
    return {key: value.contiguous() for key, value in state.items()}


def _saved(folder, obj, *arguments, **how):
    torch.save(obj, folder / "m.pt", **how)
    return [folder / "m.pt", *arguments]


def _safetensors(folder, state, *arguments):
    save_file(contiguous(state), folder / "m.safetensors")
    return [folder / "m.safetensors", *arguments]


def _open_clip(quick_gelu, *arguments, wrap=None, save=_saved, **model):
    """Maker: `wrap` turns the state dict into what is saved."""
    def make(folder):
        made = clip(quick_gelu, **model)
        return of_clip(made, save(folder, wrap(made.state_dict()) if wrap else made.state_dict(), *arguments))
    return make


def _prefixed(prefix):
    return lambda state: {prefix + key: value for key, value in state.items()}


def _training_run(state):
    optimizer = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.ones(4)}}, "param_groups": [{"lr": 0.1}]}
    return {"epoch": 3, "name": "run", "state_dict": _prefixed("module.")(state), "optimizer": optimizer,
            "args": argparse.Namespace(lr=0.1), "rng": np.random.RandomState(1).get_state()}


def _lightning(state):
    return {"state_dict": _prefixed("model.")(state), "epoch": 1, "hyper_parameters": {"out": Path("runs")},
            "optimizer_states": [{"state": {0: {"exp_avg": torch.ones(4)}}}]}


def _config_beside(folder, state, *arguments):
    config = {"model_cfg": {"embed_dim": 32, "quick_gelu": True, "vision_cfg": VISION, "text_cfg": TEXT}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    return _safetensors(folder, state, *arguments)


def _in_dtypes(*dtypes):
    """Maker: the matrices in these dtypes in turn; the model computes with the rounded values in f32."""
    def make(folder):
        model = clip()
        state = {key: value.to(dtypes[i % len(dtypes)]) for i, (key, value) in enumerate(model.state_dict().items())}
        model.load_state_dict(state)
        return of_clip(model, _safetensors(folder, state, "--model", "ViT-B-16"))
    return make


def _wide(width, head_width, patch):
    """Maker: an image tower of a real model's width, one layer of it."""
    def make(folder):
        vision = {"width": width, "head_width": head_width, "layers": 1, "patch_size": patch, "image_size": 4 * patch}
        model = clip(vision=vision)
        return of_clip(model, _safetensors(folder, model.state_dict(), "--activation", "gelu"))
    return make


def _archive(trace):
    def make(folder):
        model = clip(True)
        made = copy.deepcopy(model)
        if trace:
            inputs = (torch.zeros(1, 3, 64, 64), torch.zeros(1, 77, dtype=torch.int64))
            script = torch.jit.trace(made, inputs, check_trace=False)
        else:
            script = torch.jit.script(made)
        script.save(str(folder / "m.pt"))
        return of_clip(model, [folder / "m.pt"])
    return make


def _state_dict_of_openai(folder):
    model = clip(True)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half().float())
    state = {key: value.half() for key, value in model.state_dict().items() if not key.endswith("attn_mask")}
    state["logit_scale"] = state["logit_scale"].reshape(1)
    extras = {"input_resolution": torch.tensor(64), "context_length": torch.tensor(77), "vocab_size": torch.tensor(49408)}
    return of_clip(model, _saved(folder, {**state, **extras}))


def _hf(activation, **how):
    def make(folder):
        model = hugging_face(activation)
        model.save_pretrained(folder / "clip", **how)
        return of_hugging_face(model, folder / "clip")
    return make


def _hf_old_config(folder):
    """As files of 2021 are: the towers' configs under the old names, which win over the new ones."""
    made = _hf("gelu")(folder)
    path = folder / "clip/config.json"
    config = json.loads(path.read_text())
    for name in ("vision_config", "text_config"):
        config[f"{name}_dict"] = config.pop(name)
        config[name] = {"hidden_size": 8, "hidden_act": "quick_gelu"}
    path.write_text(json.dumps(config))
    loaded = CLIPModel.from_pretrained(folder / "clip").eval()
    assert loaded.config.vision_config.hidden_size == 64 and loaded.config.text_config.hidden_act == "gelu"
    return of_hugging_face(loaded, made.arguments[0])


def _hf_renamed_keys(folder):
    """A text tower without `text_model.`, position ids that old versions saved, and a prefix before all."""
    model = hugging_face()
    model.save_pretrained(folder / "clip")
    state = {f"clip.{key.removeprefix('text_model.')}": value for key, value in model.state_dict().items()}
    state["clip.embeddings.position_ids"] = torch.arange(77).reshape(1, 77)
    save_file(contiguous(state), folder / "clip/model.safetensors")
    return of_hugging_face(model, folder / "clip")


def other_merges():
    """A vocabulary that is not CLIP's: every third merge of its first ones left out, and what was built on them."""
    from sclip_convert.merges import BUNDLED, read_merges
    known = {line for line in _byte_symbols()} | {symbol + "</w>" for symbol in _byte_symbols()}
    out = []
    for number, line in enumerate(read_merges(BUNDLED)[:2000]):
        first, second = line.split(" ")
        if number % 3 and first in known and second in known:
            known.add(first + second)
            out.append(line)
    return out


def _byte_symbols():
    from transformers.models.clip.tokenization_clip import bytes_to_unicode
    return list(bytes_to_unicode().values())


def _own_vocabulary(tokenizer_json):
    def make(folder):
        lines = other_merges()
        symbols = _byte_symbols()
        names = [*symbols, *(symbol + "</w>" for symbol in symbols), *(line.replace(" ", "") for line in lines),
                 "<|startoftext|>", "<|endoftext|>"]
        (folder / "vocab.json").write_text(json.dumps({name: i for i, name in enumerate(names)}), encoding="utf-8")
        (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(lines) + "\n", encoding="utf-8")
        tokenizer = CLIPTokenizer(folder / "vocab.json", folder / "merges.txt")
        tokens = torch.zeros(len(TEXTS), 77, dtype=torch.int64)
        for row, text in zip(tokens, TEXTS):
            ids = tokenizer(text)["input_ids"]
            row[:len(ids)] = torch.tensor(ids)
        assert (tokens != open_clip.get_tokenizer("ViT-B-16")(TEXTS)).any()
        model = hugging_face(vocabulary=len(names))
        model.save_pretrained(folder / "clip")
        if tokenizer_json:
            from transformers import CLIPTokenizerFast
            CLIPTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder / "clip")
            for name in ("vocab.json", "merges.txt"):
                (folder / "clip" / name).unlink()
        else:
            tokenizer.save_pretrained(folder / "clip")
        return of_hugging_face(model, folder / "clip", tokens)
    return make


B16, QUICK = ("--model", "ViT-B-16"), ("--model", "ViT-B-16-quickgelu")
KINDS = [
    Kind("TorchScript archive, scripted", "openai", _archive(False)),
    Kind("TorchScript archive, traced", "openai", _archive(True)),
    Kind("state dict in f16 with OpenAI's buffers, `logit_scale` of shape (1)", "openai", _state_dict_of_openai),
    Kind("`.safetensors`, GELU by `--model ViT-B-16`", "open_clip", _open_clip(False, *B16, save=_safetensors)),
    Kind("`.pt`, QuickGELU by `--model ViT-B-16-quickgelu`", "open_clip", _open_clip(True, *QUICK)),
    Kind("`.pt` of PyTorch before 1.6", "open_clip", _open_clip(
        True, *QUICK, save=lambda *a: _saved(*a, _use_new_zipfile_serialization=False))),
    Kind("QuickGELU by `--pretrained metaclip_400m`", "open_clip", _open_clip(
        True, "--model", "ViT-B-32", "--pretrained", "metaclip_400m")),
    Kind("QuickGELU by the `open_clip_config.json` beside it", "open_clip", _open_clip(True, save=_config_beside)),
    Kind("GELU by `--activation gelu`", "open_clip", _open_clip(False, "--activation", "gelu")),
    Kind("text tower under `text.` (CustomTextCLIP)", "open_clip", _open_clip(False, *B16, custom_text=True)),
    Kind("training run: `state_dict`, `module.`, optimizer, options", "open_clip", _open_clip(False, *B16, wrap=_training_run)),
    Kind("Lightning: `state_dict`, `model.`, optimizer", "open_clip", _open_clip(False, *B16, wrap=_lightning)),
    Kind("`{'model': {'state_dict': …}}`, `_orig_mod.module.`", "open_clip", _open_clip(
        False, *B16, wrap=lambda s: {"model": {"state_dict": _prefixed("_orig_mod.module.")(s)}})),
    Kind("`state_dict.model.module.` in `.safetensors`", "open_clip", _open_clip(
        False, *B16, wrap=_prefixed("state_dict.model.module."), save=_safetensors)),
    Kind("matrices in F16", "open_clip", _in_dtypes(torch.float16)),
    Kind("matrices in BF16", "open_clip", _in_dtypes(torch.bfloat16)),
    Kind("F64, F32, F16 and BF16 mixed", "open_clip", _in_dtypes(torch.float16, torch.float64, torch.bfloat16, torch.float32)),
    Kind("ViT-B/32's width and patch", "open_clip", _wide(768, 64, 32)),
    Kind("ViT-L/14's", "open_clip", _wide(1024, 64, 14)),
    Kind("ViT-H/14's, heads of 80", "open_clip", _wide(1280, 80, 14)),
    Kind("ViT-g/14's, heads of 88", "open_clip", _wide(1408, 88, 14)),
    Kind("ViT-bigG/14's, heads of 104", "open_clip", _wide(1664, 104, 14)),
    Kind("`model.safetensors`, QuickGELU", "hf", _hf("quick_gelu")),
    Kind("`pytorch_model.bin`, GELU", "hf", _hf("gelu", safe_serialization=False)),
    Kind("shards", "hf", _hf("gelu", max_shard_size="300KB")),
    Kind("`vision_config_dict` and `text_config_dict`", "hf", _hf_old_config),
    Kind("`position_ids`, a prefix, no `text_model.`", "hf", _hf_renamed_keys),
    Kind("another vocabulary: `vocab.json` and `merges.txt`", "hf", _own_vocabulary(False)),
    Kind("another vocabulary: `tokenizer.json` alone", "hf", _own_vocabulary(True)),
]
