"""The text tower and the text bank."""
from functools import lru_cache
from pathlib import Path

import torch

from .transformer import attention, layer_norm, mlp, out_projection, qkv
from .weights import Model

CONTEXT, END = 77, 49407


@lru_cache
def tokenizer(merges: str | None = None):
    """open_clip's CLIP tokenizer; `merges`: another gzipped merges file."""
    from open_clip.tokenizer import SimpleTokenizer
    return SimpleTokenizer(**({"bpe_path": merges} if merges else {}))


def tokenize(texts: list[str], merges: str | None = None) -> torch.Tensor:
    """(texts, 77) i64: start token, BPE, end token, zeros."""
    return tokenizer(merges)(texts, context_length=CONTEXT)


def encode(model: Model, ids: torch.Tensor, shorten: bool = True) -> torch.Tensor:
    """ids: (B, 77) → (B, E), not normalised. Causal, so what follows the last end token changes nothing and
    `shorten` drops it: that is an economy only, and a test compares the two."""
    end = ids.argmax(dim=-1)  # the end token has the largest id
    if shorten:
        ids = ids[:, :int(end.max()) + 1]
    length = ids.shape[1]
    x = model["token_embedding.weight"][ids] + model["positional_embedding"][:length]
    mask = torch.full((length, length), float("-inf"), dtype=model.dtype).triu(1)
    for i in range(model.text_layers):
        block = f"transformer.resblocks.{i}"
        q, k, v = qkv(layer_norm(x, model, f"{block}.ln_1"), model, block)
        x = x + out_projection(attention(q, k, mask) @ v, model, block)
        x = x + mlp(layer_norm(x, model, f"{block}.ln_2"), model, block)
    x = layer_norm(x, model, "ln_final")
    return x[torch.arange(x.shape[0]), end] @ model["text_projection"]


def unit(x: torch.Tensor) -> torch.Tensor:
    return x / x.norm(dim=-1, keepdim=True)


def templates() -> list[str]:
    """The 80 ImageNet templates, with {} for the name."""
    from open_clip import OPENAI_IMAGENET_TEMPLATES
    return [template("{}") for template in OPENAI_IMAGENET_TEMPLATES]


def encode_all(model: Model, texts: list[str], batch: int = 256, merges: str | None = None) -> torch.Tensor:
    """(texts, E) unit length; sorted by length first so that `shorten` pays."""
    ids = tokenize(texts, merges)
    order = ids.argmax(dim=-1).argsort()
    features = torch.cat([unit(encode(model, ids[part])) for part in order.split(batch)])
    return features[order.argsort()]


def text_bank(model: Model, queries: list[str], merges: str | None = None, prompts: list[str] | None = None) -> torch.Tensor:
    """(K, E): per query the normalised mean over the templates (`prompts`, if other ones) of normalised text features."""
    prompts = [t.replace("{}", q) for q in queries for t in prompts or templates()]
    features = encode_all(model, prompts, merges=merges)
    return unit(features.unflatten(0, (len(queries), -1)).mean(dim=1))


def read_classes(path: Path | str) -> list[list[str]]:
    """The words of each class of a built-in list: a line per class, synonyms separated by ', ', a name to show before ' = '."""
    return [line.split(" = ")[-1].split(", ") for line in Path(path).read_text().splitlines() if line.strip()]


def flatten_classes(classes: list[list[str]]) -> tuple[list[str], list[int]]:
    """Queries, and the class each belongs to."""
    return [s for c in classes for s in c], [i for i, c in enumerate(classes) for _ in c]
