"""What the parity tests share: the built command, a random ViT-B/16 in both forms, the reference's answers (cached)."""
import functools
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from tests.reference import image, text
from tests.reference.configurations import CONFIGURATIONS
from tests.reference.labels import area_filter, class_scores, labels, merge, resize_bilinear
from tests.reference.segment import dense_features
from tests.reference.weights import Model

ROOT = Path(__file__).resolve().parents[2]
SCLIP = Path(os.environ.get("SCLIP_BIN", ROOT / "build/sclip"))
# A tenth of the 80, where the words are many; test_parity_read_outs.py takes all.
TEMPLATES = ROOT / "tests/data/eight_templates.txt"


def has_bf16() -> bool:
    try:
        return " avx512_bf16" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False


def run_sclip(*arguments, launcher=()) -> str:
    """Standard output of the command, started by `launcher`; an assertion with its message when it fails."""
    done = subprocess.run([*map(str, launcher), str(SCLIP), *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"sclip {' '.join(map(str, arguments))}\nexit code {done.returncode}: {done.stderr}"
    return done.stdout


def convert(state_dict: Path, blob: Path, dtype: str = "f16") -> None:
    subprocess.run([sys.executable, "-m", "sclip_convert", "--from", "openai", str(state_dict), "-o", str(blob), "--dtype", dtype],
                   check=True, env=dict(os.environ, PYTHONPATH=str(ROOT / "weights/convert")), stdout=subprocess.DEVNULL)


def make_photos(folder: Path) -> dict[str, Path]:
    """Lossless photos of awkward shapes, from the bundled one."""
    china = Image.open(ROOT / "tests/data/photos/china.jpg").convert("RGB")
    made = {"landscape": china.crop((13, 9, 633, 422)),
            "portrait": china.crop((150, 0, 457, 427)),
            "small": china.crop((200, 100, 291, 160)),
            "pixel": china.crop((320, 200, 321, 201))}
    for name, photo in made.items():
        photo.save(folder / f"{name}.png")
    return {name: folder / f"{name}.png" for name in made}


@dataclass(frozen=True)
class Setting:
    """Photo and options of one run; `short_side` replaces the configuration's, to get windows smaller than the crop."""
    photo: str
    policy: str
    config: str
    short_side: int | None = None

    @property
    def configuration(self):
        named = CONFIGURATIONS[self.config]
        return replace(named, short_side=self.short_side) if self.short_side else named

    def flags(self, photos: dict, blob: Path, precision: str) -> list:
        short = ["--short-side", self.short_side] if self.short_side else []
        return [photos[self.photo], "--model", blob, "--policy", self.policy, "--precision", precision, *short]


class Oracle:
    """The reference on one model: image side in f64, text side in f32 (it takes many prompts per name)."""

    def __init__(self, text_model: Model, model: Model, photos: dict[str, Path]):
        self.text_model, self.model, self.photos = text_model, model, photos
        self.embeddings = {}  # query → (E), by TEMPLATES

    def bank(self, config: str):
        """((K, E) f64, class of each query)"""
        queries, owner = text.flatten_classes(text.read_classes(ROOT / f"engine/text/data/class_names/{config}.txt"))
        new = [query for query in dict.fromkeys(queries) if query not in self.embeddings]
        if new:
            with torch.no_grad():
                bank = text.text_bank(self.text_model, new, prompts=TEMPLATES.read_text().splitlines())
            self.embeddings |= dict(zip(new, bank.double()))
        return torch.stack([self.embeddings[query] for query in queries]), owner

    @functools.cache
    def features(self, photo: str, policy: str, short_side: int):
        return dense_features(self.model, image.decode(self.photos[photo]), policy, short_side, 224, 112)

    def segment(self, setting: Setting):
        """(logits (K, H0, W0), best scores (H0, W0), labels (H0, W0))"""
        configuration = setting.configuration
        bank, owner = self.bank(setting.config)
        features, spans, grid, size = self.features(setting.photo, setting.policy, configuration.short_side)
        planes = (features @ bank.T).transpose(1, 2).unflatten(2, grid)
        photo_size = image.decode(self.photos[setting.photo]).shape[:2]
        logits = resize_bilinear(merge(list(planes), spans, *size)[None], *photo_size)[0]
        scores = area_filter(class_scores(logits, owner, configuration.logit_scale), configuration.area_thd)
        return logits.numpy(), scores.amax(dim=0).numpy(), labels(scores, configuration.prob_thd).numpy()


def segment_with_sclip(setting: Setting, photos: dict, blob: Path, precision: str, folder: Path, cache: Path, device: str = "cpu",
                       launcher=()):
    """(logits, best scores, labels, result.json) as the command writes them."""
    run_sclip("segment", *setting.flags(photos, blob, precision), "--device", device, "--config", setting.config, "--classes-file",
              ROOT / f"engine/text/data/class_names/{setting.config}.txt", "--templates", TEMPLATES, "--cache-dir", cache, "-o", folder,
              "--outputs", "mask,json,scores,logits", launcher=launcher)
    return (np.load(folder / "logits.npy"), np.load(folder / "scores.npy"),
            np.asarray(Image.open(folder / "mask.png")).astype(np.int64), json.loads((folder / "result.json").read_text()))


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Largest absolute difference; infinite when shapes differ or a value is no number."""
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found.astype(np.float64) - expected).max())
