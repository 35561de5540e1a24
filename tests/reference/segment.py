"""The whole pipeline, and zero-shot classification."""
from dataclasses import dataclass

import numpy as np
import torch

from . import image as images
from . import pamr, propagation, read_outs
from .configurations import Configuration
from .labels import area_filter, class_scores, labels, merge, resize_bilinear
from .text import unit
from .vision import tokens
from .weights import Model
from .windows import windows


@dataclass(frozen=True)
class Result:
    spans: list             # windows (y0, y1, x0, x1) in the resized photo
    grid: tuple[int, int]   # patches of each window (h, w)
    features: torch.Tensor  # (windows, h·w, E), unit length
    logits: torch.Tensor    # (K, H0, W0) cosines, before logit_scale; refined, where the configuration says so
    scores: torch.Tensor    # (classes, H0, W0) after the area filter
    labels: torch.Tensor    # (H0, W0) i64


@torch.no_grad()
def dense_features(model: Model, photo: np.ndarray, policy: str, short_side: int, crop: int, stride: int, batch: int = 8):
    """photo: (H0, W0, 3) u8 → (features (windows, h·w, E), spans, (h, w), size of the resized photo)"""
    features, _, spans, grid, size = dense_cosines(model, photo, None, policy, short_side, crop, stride, batch)
    return features, spans, grid, size


@torch.no_grad()
def dense_cosines(model: Model, photo: np.ndarray, bank: torch.Tensor | None, policy: str, short_side: int, crop: int, stride: int,
                  batch: int = 8, temperature: float = 1.0, squash: bool = False):
    """As dense_features, with what a pixel's words are chosen by behind the features: (windows, h·w, K), or None without a bank.
    `squash`: the photo becomes a square of `short_side` pixels."""
    height, width = (short_side, short_side) if squash else images.scaled_size(*photo.shape[:2], short_side)
    pixels = torch.from_numpy(images.normalise(images.resize_opencv_linear(photo, height, width)))
    spans = windows(height, width, crop, stride)
    crops = torch.stack([pixels[:, y0:y1, x0:x1] for y0, y1, x0, x1 in spans])
    grid = (crops.shape[2] // model.patch, crops.shape[3] // model.patch)
    if read_outs.is_read_out(policy):
        parts = [read_outs.read_out(policy, read_outs.Inputs(model, part.to(model.dtype), pixels.to(model.dtype), bank, temperature))
                 for part in crops.split(batch)]
        features = torch.cat([part[0] for part in parts])
        cosines = None if bank is None else torch.cat([part[1] for part in parts])
    else:
        features = torch.cat([tokens(model, part, policy, temperature)[:, 1:] for part in crops.split(batch)])
        cosines = None if bank is None else features @ bank.to(features.dtype).T
    return features, cosines, spans, grid, (height, width)


@torch.no_grad()
def segment(model: Model, photo: np.ndarray, bank: torch.Tensor, query_class: list[int], policy: str,
            configuration: Configuration, crop: int = 224, stride: int = 112, temperature: float = 1.0, squash: bool = False) -> Result:
    """photo: (H0, W0, 3) u8; bank: (K, E) unit; query_class: class of each query."""
    features, cosines, spans, grid, (height, width) = dense_cosines(
        model, photo, bank, policy, configuration.short_side, crop, stride, temperature=temperature, squash=squash)
    planes = cosines.transpose(1, 2).unflatten(2, grid)
    merged = merge(list(planes), spans, height, width)
    logits = resize_bilinear(merged[None], *photo.shape[:2])[0]
    if configuration.refine is not None:
        iterations, dilations = configuration.refine
        guide = images.normalise(images.resize_opencv_linear(photo, height, width))
        logits = pamr.pamr(torch.from_numpy(guide).to(logits.dtype), logits, iterations, dilations)
    if configuration.propagate is not None:
        guide = images.normalise(images.resize_opencv_linear(photo, height, width))
        logits = propagation.propagate(torch.from_numpy(guide).to(logits.dtype), logits, bank.to(logits.dtype), *configuration.propagate)
    scores = area_filter(class_scores(logits, query_class, configuration.logit_scale), configuration.area_thd)
    return Result(spans, grid, features, logits, scores, labels(scores, configuration.prob_thd))


@torch.no_grad()
def embed_photo(model: Model, photo: np.ndarray) -> torch.Tensor:
    """(E) unit: the class token of plain CLIP on the photo as OpenAI preprocesses it."""
    pixels = images.normalise(images.resize_pil_bicubic(photo, model.image_size))
    return tokens(model, torch.from_numpy(pixels)[None], "clip")[0, 0]


def classify(model: Model, photo: np.ndarray, bank: torch.Tensor, query_class: list[int]) -> torch.Tensor:
    """(classes): softmax over queries of the learned scale times the cosine, best synonym of each class."""
    cosines = unit(embed_photo(model, photo)) @ bank.to(model.dtype).T
    return class_scores(cosines[:, None, None], query_class, model.logit_scale)[:, 0, 0]
