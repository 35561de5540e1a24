"""Reads a `.sclip` blob for the reference: safetensors with our names, mapped back to OpenAI's by weights/tensors.csv."""
import csv
import json
import re
from pathlib import Path

import torch
from safetensors import safe_open

from .weights import Model, model_from

TABLE = Path(__file__).resolve().parents[2] / "weights/tensors.csv"


def openai_keys() -> list[tuple[re.Pattern, str]]:
    """(pattern of our name, OpenAI's key with {i})"""
    with open(TABLE, newline="") as table:
        return [(re.compile(re.escape(row["name"]).replace(r"\{i\}", r"(\d+)")), row["openai"])
                for row in csv.DictReader(table) if row["openai"]]


def load_blob(path: Path | str, dtype: torch.dtype = torch.float32) -> Model:
    rules, tensors = openai_keys(), {}
    with safe_open(str(path), framework="pt") as blob:
        config = json.loads(blob.metadata()["config"])
        for name in blob.keys():
            for pattern, key in rules:
                if match := pattern.fullmatch(name):
                    tensors[key.replace("{i}", match[1]) if match.groups() else key] = blob.get_tensor(name)
                    break
    tensors["logit_scale"] = torch.tensor(config["logit_scale"], dtype=torch.float64).log()
    return model_from(tensors, dtype, quick_gelu=config["activation"] == "quick_gelu")
