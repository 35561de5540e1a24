"""Checkpoints that the converter must refuse, and words that its message must have.

Libraries make them where they can; families whose image tower needs timm are given by the keys that theirs begin with.
"""
import json
import os
from dataclasses import dataclass
from typing import Callable

import open_clip
import torch
from convert_kinds import B16, TEXT, VISION, clip, contiguous, hugging_face, other_merges
from convert_support import randomise
from safetensors.torch import save_file


@dataclass
class Refusal:
    """A row of the table: `make(folder)` gives the converter's arguments, without --from and -o."""

    label: str
    source: str
    says: str
    make: Callable


def _file(state, arguments=None):
    """Maker of a .safetensors file; `state` makes the state dict."""
    def make(folder):
        save_file(contiguous(state()), folder / "m.safetensors")
        return [folder / "m.safetensors", *(arguments if arguments is not None else B16)]
    return make


def _keys(*keys, arguments=None):
    """Maker of a file with the text tower of CLIP and these keys."""
    def state():
        text = {key: value for key, value in clip().state_dict().items() if not key.startswith("visual.")}
        return {**text, **{key: torch.zeros(2, 2) for key in keys}}
    return _file(state, arguments)


def _siglip(vocabulary):
    def state():
        text = {"text." + key: value for key, value in clip().state_dict().items() if not key.startswith("visual.")}
        text["text.token_embedding.weight"] = torch.zeros(vocabulary, 1)
        return {**text, "logit_bias": torch.zeros(()), "visual.trunk.attn_pool.latent": torch.zeros(1, 1, 4)}
    return _file(state)


def _spoiled(change, arguments=None):
    """Maker of a CLIP with its state dict changed."""
    def state():
        out = clip().state_dict()
        change(out)
        return out
    return _file(state, arguments)


def _open_clip(config, kind=open_clip.CLIP):
    return _file(lambda: randomise(kind(**config)).state_dict())


def _with_lora(state):
    state["visual.transformer.resblocks.0.attn.out_proj.lora_A.default.weight"] = torch.zeros(4, 64)


def _with_gap(state):
    del state["visual.transformer.resblocks.1.attn.out_proj.weight"]


def _transposed(state):
    state["visual.proj"] = state["visual.proj"].T


def _hugging_face(model_type):
    def make(folder):
        (folder / "hf").mkdir()
        (folder / "hf/config.json").write_text(json.dumps({"model_type": model_type}))
        return [folder / "hf"]
    return make


def _hf_clip(change=None, **model):
    def make(folder):
        hugging_face(**model).save_pretrained(folder / "hf")
        if change:
            change(folder / "hf")
        return [folder / "hf"]
    return make


def _lora_folder(folder):
    (folder / "hf").mkdir()
    (folder / "hf/adapter_config.json").write_text("{}")
    return [folder / "hf"]


def _added_token(folder):
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(other_merges()) + "\n", encoding="utf-8")
    (folder / "added_tokens.json").write_text('{"<cat-toy>": 49408}')


def _short_merges(folder):
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(other_merges()) + "\n", encoding="utf-8")


def _bytes(name, content):
    """Maker of a file with this content."""
    def make(folder):
        (folder / name).write_bytes(content)
        return [folder / name, *B16]
    return make


def _saved(make_object):
    """Maker of a .pt file."""
    def make(folder):
        torch.save(make_object(), folder / "m.pt")
        return [folder / "m.pt", *B16]
    return make


class Command:
    """Unpickled with Python's own reader, it would run a command."""

    def __reduce__(self):
        return os.system, ("touch ran",)


def _vit_m_32():
    config = open_clip.get_model_config("ViT-M-32")
    return open_clip.CLIP(**config).state_dict()


def _openai_buffers():
    return {**clip(True).state_dict(), **{key: torch.tensor(1) for key in ("input_resolution", "context_length", "vocab_size")}}


CLIPA = {"embed_dim": 32, "vision_cfg": {**VISION, "no_ln_pre": True, "pool_type": "avg", "final_ln_after_pool": True},
         "text_cfg": {**TEXT, "pool_type": "last", "no_causal_mask": True}}
RESNET = {"embed_dim": 32, "vision_cfg": {"layers": [1, 1, 1, 1], "width": 64, "image_size": 64}, "text_cfg": TEXT}
LAYER_SCALE = {"embed_dim": 32, "vision_cfg": {**VISION, "ls_init_value": 1e-4}, "text_cfg": TEXT}
COCA = {"embed_dim": 32, "vision_cfg": {**VISION, "attentional_pool": True, "attn_pooler_heads": 8, "output_tokens": True},
        "text_cfg": {**TEXT, "embed_cls": True, "output_tokens": True},
        "multimodal_cfg": {"context_length": 76, "vocab_size": 49408, "width": 64, "heads": 1, "layers": 1}}

REFUSALS = [
    Refusal("SigLIP", "open_clip", "this is SigLIP;", _siglip(32000)),
    Refusal("SigLIP 2", "open_clip", "this is SigLIP 2;", _siglip(256000)),
    Refusal("EVA-CLIP (EVA01)", "open_clip", "this is EVA-CLIP;", _keys("visual.trunk.blocks.0.attn.q_bias")),
    Refusal("EVA-CLIP (EVA02)", "open_clip", "this is EVA-CLIP;", _keys("visual.trunk.blocks.0.attn.q_proj.weight")),
    Refusal("MobileCLIP-S", "open_clip", "this is MobileCLIP;", _keys("visual.trunk.stem.0.conv_kxk.0.conv.weight")),
    Refusal("MobileCLIP-B", "open_clip", "this is MobileCLIP;", _keys("visual.trunk.patch_embed.backbone.0.conv.weight")),
    Refusal("ViTamin", "open_clip", "this is ViTamin;", _keys("visual.trunk.patch_embed.backbone.stem.conv1.weight")),
    Refusal("Perception Encoder", "open_clip", "this is Perception Encoder;", _keys("visual.trunk.attn_pool.latent")),
    Refusal("ConvNeXt", "open_clip", "CLIP with a ConvNeXt", _keys("visual.trunk.stages.0.blocks.0.conv_dw.weight")),
    Refusal("Swin", "open_clip", "CLIP with a Swin", _keys("visual.trunk.layers.0.blocks.0.attn.relative_position_bias_table")),
    Refusal("ResNet", "open_clip", "CLIP with a ResNet", _open_clip(RESNET)),
    Refusal("CoCa", "open_clip", "this is CoCa;", _open_clip(COCA, open_clip.CoCa)),
    Refusal("CLIPA", "open_clip", "this is CLIPA", _open_clip(CLIPA)),
    Refusal("layer scale", "open_clip", "CLIP with layer scale", _open_clip(LAYER_SCALE)),
    Refusal("Long-CLIP", "openai", "this is Long-CLIP;", _keys("positional_embedding_res", arguments=())),
    Refusal("text tower of Hugging Face (XLM-R, mT5, NLLB)", "open_clip", "text tower of Hugging Face", _keys(
        "text.transformer.embeddings.word_embeddings.weight")),
    Refusal("LoRA, not merged", "open_clip", "merge them first", _spoiled(_with_lora)),
    Refusal("LoRA adapter alone", "hf", "it is a LoRA adapter", _lora_folder),
    Refusal("quantised (bitsandbytes)", "open_clip", "a quantised model", _spoiled(
        lambda s: s.update({"visual.transformer.resblocks.0.mlp.c_fc.SCB": torch.zeros(4)}))),
    *(Refusal(f"`model_type` {kind}", "hf", f"this is {name}:", _hugging_face(kind)) for kind, name in (
        ("siglip", "SigLIP"), ("siglip2", "SigLIP 2"), ("chinese_clip", "Chinese-CLIP"), ("metaclip_2", "MetaCLIP 2"),
        ("clipseg", "CLIPSeg"), ("owlvit", "OWL-ViT"), ("altclip", "AltCLIP"),
        ("clip_vision_model", "CLIP's image tower alone"))),
    Refusal("the image tower alone", "open_clip", "image tower alone", _file(
        lambda: {key: value for key, value in clip().state_dict().items() if key.startswith("visual.")})),
    Refusal("the text tower alone", "open_clip", "text tower alone", _keys()),
    Refusal("Hugging Face's keys under another `--from`", "open_clip", "convert it with --from hf", _file(
        lambda: hugging_face().state_dict())),
    Refusal("a text tower under `text.`", "openai", "convert it with --from open_clip", _file(
        lambda: clip(custom_text=True).state_dict(), ())),
    Refusal("ViT-M-32, which OpenAI did not publish", "openai", "the shapes of ViT-M-32, which OpenAI never published", _file(
        _vit_m_32, ())),
    Refusal("`--model` that open_clip does not have", "open_clip", "did you mean ViT-B-16-quickgelu?", _file(
        lambda: clip().state_dict(), ("--model", "ViT-B-16-quickGELU"))),
    Refusal("`--model` of another family", "open_clip", "is SigLIP;", _file(
        lambda: clip().state_dict(), ("--model", "ViT-B-16-SigLIP"))),
    Refusal("neither name, config nor `--activation`", "open_clip", "do not tell QuickGELU from GELU", _file(
        lambda: clip().state_dict(), ())),
    Refusal("OpenAI's weights under a GELU name", "open_clip", "decide with --activation", _saved(_openai_buffers)),
    Refusal("tokens added to CLIP's vocabulary", "hf", "a vocabulary of 49409 is not CLIP's 49408", _hf_clip(
        vocabulary=49409)),
    Refusal("another vocabulary without its merges", "open_clip", "is not CLIP's 49408: name the tokenizer's merges", _spoiled(
        lambda s: s.update({"token_embedding.weight": torch.zeros(250100, 64)}), ("--activation", "gelu"))),
    Refusal("merges that do not make the vocabulary", "hf", "a vocabulary of 49409 takes 48895", _hf_clip(
        _short_merges, vocabulary=49409)),
    Refusal("a token in `added_tokens.json`", "hf", "'<cat-toy>' first", _hf_clip(_added_token)),
    Refusal("text read off at a token that is not the last", "hf", "eos_token_id", _hf_clip(eos_token_id=7)),
    Refusal("a tensor missing", "open_clip", "resblocks.1.attn.out_proj.weight of shape (64, 64) is missing",
            _spoiled(_with_gap)),
    Refusal("a tensor transposed", "open_clip", "visual.proj has shape (32, 64), the config needs (64, 32); it is transposed",
            _spoiled(_transposed)),
    Refusal("two models in a file", "open_clip", "choose one with --part", _saved(
        lambda: {"state_dict": clip().state_dict(), "state_dict_ema": clip().state_dict()})),
    Refusal("a pickle that would run a command", "open_clip", "posix.system", _saved(lambda: {"state_dict": Command()})),
    Refusal("a whole module", "open_clip", "Save the model's state_dict alone", _saved(lambda: torch.nn.Linear(2, 2))),
    Refusal("a pointer of Git LFS", "open_clip", "git lfs pull", _bytes(
        "m.safetensors", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")),
    Refusal("a web page", "open_clip", "the download went wrong", _bytes("m.pt", b"<!DOCTYPE html><html></html>")),
    Refusal("GGUF", "open_clip", "a GGUF file", _bytes("m.gguf", b"GGUF\3\0\0\0" + bytes(40))),
    Refusal("F8 in `.safetensors`", "open_clip", "has dtype F8_E4M3", _spoiled(
        lambda s: s.update({"visual.proj": s["visual.proj"].to(torch.float8_e4m3fn)}))),
    Refusal("F8 in `.pt`", "open_clip", "dtype that only new PyTorch has", _saved(
        lambda: {"visual.proj": torch.zeros(2, 2).to(torch.float8_e4m3fn)})),
]
