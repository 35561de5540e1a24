"""Read-outs that are more than another attention in the last block: a module each, written from the method's definition.

A module NAME.py stands for the policy NAME (with '-' for '_') and defines
    features(inputs, **options) → (B, h·w, E), unit length
    cosines(inputs, features, **options) → (B, h·w, K)      only where they are not features · bankᵀ
    SPELLINGS   what the parity tests run: the policy alone, and with options that change its numbers
    IN_NAME     the option whose value may follow the name, if any: `local-5` is `local:n=5`
Options are keyword arguments of both, numbers or text.
"""
import importlib
import pkgutil
from dataclasses import dataclass

import torch

from ..weights import Model


@dataclass(frozen=True)
class Inputs:
    model: Model
    windows: torch.Tensor              # (B, 3, H, W) normalised
    photo: torch.Tensor                # (3, H, W) normalised: the whole resized photo
    bank: torch.Tensor | None = None   # (K, E) unit
    temperature: float = 1.0           # divides the scores of the last block's attention


def _split(policy: str) -> tuple[str, str]:
    """Module and value of the policy's name: ("naclip", ""), ("local", "5") of `local-5`; ("", "") where no module stands for it."""
    name = policy.split(":")[0]
    modules = {m.name for m in pkgutil.iter_modules(__path__)}
    if name.replace("-", "_") in modules:
        return name.replace("-", "_"), ""
    stem, _, value = name.rpartition("-")
    if stem.replace("-", "_") in modules:
        return stem.replace("-", "_"), value
    return "", ""


def _module(policy: str):
    return importlib.import_module(f"{__name__}.{_split(policy)[0]}")


def _options(policy: str) -> dict:
    def value(text: str):
        try:
            return float(text)
        except ValueError:
            return text
    pairs = (item.split("=", 1) for item in policy.partition(":")[2].split(",") if item)
    options = {key.replace("-", "_"): value(text) for key, text in pairs}
    in_name = _split(policy)[1]
    return options | ({_module(policy).IN_NAME: value(in_name)} if in_name else {})


def is_read_out(policy: str) -> bool:
    """Whether a module stands for it; the others are rows of policies.POLICIES."""
    return _split(policy)[0] != ""


def read_out(policy: str, inputs: Inputs) -> tuple[torch.Tensor, torch.Tensor | None]:
    """(unit features (B, h·w, E), cosines (B, h·w, K) or None without a bank)"""
    module, options = _module(policy), _options(policy)
    features = module.features(inputs, **options)
    if inputs.bank is None:
        return features, None
    if hasattr(module, "cosines"):
        return features, module.cosines(inputs, features, **options)
    return features, features @ inputs.bank.to(features.dtype).T


def spellings() -> list[str]:
    """What the parity tests run, of every module."""
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    return [s for name in names for s in importlib.import_module(f"{__name__}.{name}").SPELLINGS]
