"""What a Python program does around an engine's image encoder: windows cut, words read out, windows merged, labels.

As the method's own code has it, in OpenCV, NumPy and torch: all windows' logits are resized at once, added where they lie,
divided by how many lie there, resized to the photo, and a softmax and an argmax follow.
"""
from pathlib import Path

import cv2
import numpy as np
import torch
from torch.nn import functional as F

from tests.reference import image, text, vision
from tests.reference.configurations import CONFIGURATIONS
from tests.reference.labels import class_scores, labels, merge, resize_bilinear
from tests.reference.windows import windows

from .workload import load_model

SHORT_SIDE, CROP, STRIDE, GRID = 336, 224, 112, 14
LOGIT_SCALE = CONFIGURATIONS["voc20"].logit_scale


class PythonPhoto:
    """A decoded photo and a bank of words, which are there when the time begins."""

    def __init__(self, options):
        torch.set_num_threads(options.threads)
        cv2.setNumThreads(options.threads)
        self.model = load_model(options.weights)
        self.photo = image.decode(options.photo)
        self.height, self.width = image.scaled_size(*self.photo.shape[:2], SHORT_SIDE)
        self.spans = windows(self.height, self.width, CROP, STRIDE)
        queries, owner = text.flatten_classes([c.strip().split(", ") for c in options.classes.split(";")])
        self.owner = torch.tensor(owner)
        kept = Path(options.weights).with_suffix(f".{len(queries)}-words.pt")
        if not kept.exists():
            with torch.inference_mode():
                torch.save({"words": queries, "bank": text.text_bank(self.model, queries)}, kept)
        made = torch.load(kept)
        if made["words"] != queries:
            raise SystemExit(f"{kept} is a bank of other words ({made['words']}): delete it")
        self.bank = made["bank"]
        self.covered = torch.zeros(1, self.height, self.width)
        for a, b, c, d in self.spans:
            self.covered[:, a:b, c:d] += 1

    def windows(self) -> np.ndarray:
        """(windows, 3, 224, 224) f32."""
        pixels = image.normalise(cv2.resize(self.photo, (self.width, self.height), interpolation=cv2.INTER_LINEAR))
        return np.stack([pixels[:, a:b, c:d] for a, b, c, d in self.spans])

    @torch.inference_mode()
    def labels(self, features) -> torch.Tensor:
        """features: (windows, 196, E), of unit length → (H, W) class numbers."""
        logits = (torch.as_tensor(features) @ self.bank.T).transpose(1, 2).unflatten(2, (GRID, GRID))
        resized = F.interpolate(logits, (CROP, CROP), mode="bilinear", align_corners=False)
        total = torch.zeros(len(self.bank), self.height, self.width)
        for window, (a, b, c, d) in zip(resized, self.spans):
            total[:, a:b, c:d] += window
        total /= self.covered
        planes = F.interpolate(total[None], self.photo.shape[:2], mode="bilinear", align_corners=False)[0]
        return class_scores(planes, self.owner.tolist(), LOGIT_SCALE).argmax(dim=0)

    @torch.inference_mode()
    def agreement(self, given: torch.Tensor) -> float:
        """Share of the pixels whose class is the f32 reference's."""
        features = vision.tokens(self.model, torch.from_numpy(self.windows()), "sclip")[:, 1:]
        planes = (features @ self.bank.T).transpose(1, 2).unflatten(2, (GRID, GRID))
        merged = merge(list(planes), self.spans, self.height, self.width)
        expected = labels(class_scores(resize_bilinear(merged[None], *self.photo.shape[:2])[0], self.owner.tolist(), LOGIT_SCALE), 0.0)
        return float((given == expected).float().mean())
