"""Read-outs that are more than another attention in the last block: a module each, written from the method's definition.

A module NAME.py stands for the policy NAME (with '-' for '_') and defines
    features(inputs, **options) → (B, h·w, E), unit length
    cosines(inputs, features, **options) → (B, h·w, K)      only where they are not features · bankᵀ
    SPELLINGS   what the parity tests run: the policy alone, and with options that change its numbers
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


def _module(policy: str):
    name = policy.split(":")[0].replace("-", "_")
    return importlib.import_module(f"{__name__}.{name}")


def _options(policy: str) -> dict:
    def value(text: str):
        try:
            return float(text)
        except ValueError:
            return text
    pairs = (item.split("=", 1) for item in policy.partition(":")[2].split(",") if item)
    return {key.replace("-", "_"): value(text) for key, text in pairs}


def is_read_out(policy: str) -> bool:
    """Whether a module stands for it; the others are rows of policies.POLICIES."""
    return policy.split(":")[0].replace("-", "_") in {m.name for m in pkgutil.iter_modules(__path__)}


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
