"""Writes tests/data/clusters/*.json: what scikit-learn's DBSCAN makes of points, and what CLIPtrase's clusters make of labels,
with scikit-learn, SciPy's median filter and PyTorch's resizing. Needs scikit-learn and SciPy, which no test needs.

usage: python -m tests.reference.make_cluster_goldens
"""
import json
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import median_filter
from sklearn.cluster import DBSCAN
from torch.nn import functional as F

FOLDER = Path(__file__).resolve().parents[1] / "data/clusters"


def write(name: str, **values) -> None:
    def plain(value):
        if isinstance(value, np.ndarray):
            return [float(f"{x:.9g}") if value.dtype.kind == "f" else int(x) for x in value.ravel()]
        return value
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps({key: plain(value) for key, value in values.items()}, separators=(",", ":")) + "\n")


def points(generator) -> None:
    """Blobs that touch, with points between them and far from them."""
    centres = generator.normal(0, 2.0, (4, 5))
    x = np.concatenate([centre + generator.normal(0, 0.5, (20, 5)) for centre in centres] + [generator.normal(0, 2.5, (20, 5))])
    x = x[generator.permutation(len(x))].astype(np.float32)
    distances = np.linalg.norm(x[:, None].astype(np.float64) - x[None], axis=-1)
    settings = [(0.9, 3), (1.2, 4), (1.6, 3), (1.6, 9), (3.0, 2), (0.01, 1), (0.01, 2)]
    results = []
    for eps, min_points in settings:
        assert np.abs(distances - eps).min() > 1e-5  # on whom rounding would decide
        found = DBSCAN(eps=eps, min_samples=min_points).fit_predict(x)
        results.append({"eps": eps, "min_points": min_points, "clusters": [int(c) for c in found]})
        print(f"eps {eps}, at least {min_points}: {found.max() + 1} clusters, {(found < 0).sum()} points of noise")
    write("points", points=x, dims=5, results=results)


def votes(generator, name: str, h: int, w: int, height: int, width: int, eps: float, min_points: int) -> None:
    """A class token and h×w patches of three regions; labels that are often, not always, their region's."""
    n = 1 + h * w
    y, x = np.mgrid[:h, :w]
    region = np.where(x < w // 2, 0, np.where(y < h // 2, 1, 2)).ravel()
    centres = generator.normal(0, 1, (3, 24))
    tokens = np.concatenate([centres.mean(0, keepdims=True), centres[region]]) + generator.normal(0, 0.35, (n, 24))
    tokens /= np.linalg.norm(tokens, axis=1, keepdims=True)
    affinity = (tokens @ tokens.T).astype(np.float32)
    y, x = np.mgrid[:height, :width]
    truth = np.where(x < width // 2, 0, np.where(y < height // 2, 1, 2))
    labels = np.where(generator.random((height, width)) < 0.6, truth, generator.integers(0, 5, (height, width)))

    rows = torch.from_numpy(affinity)
    rows = (rows[1:, 1:] - rows[:1, 1:]).clamp(min=0)
    clusters = torch.from_numpy(DBSCAN(eps=eps, min_samples=min_points).fit_predict(rows.numpy()))
    maps = torch.stack([rows[clusters == c].mean(dim=0) for c in range(int(clusters.max()) + 1)]).unflatten(1, (h, w))
    maps = F.interpolate(maps[None], size=(4 * h, 4 * w), mode="bilinear", align_corners=False)[0].numpy()
    maps = torch.from_numpy(np.stack([median_filter(one, size=7) for one in maps]))
    maps = F.interpolate(maps[None], size=(height, width), mode="bilinear", align_corners=False)[0]
    best = maps.topk(2, dim=0).values
    assert (best[0] - best[1]).min() > 1e-6, "rounding would decide"
    owner = maps.argmax(dim=0)
    voted = torch.from_numpy(labels).clone()
    for c in range(len(maps)):
        values, counts = torch.unique(voted[owner == c], return_counts=True)
        if len(counts):
            voted[owner == c] = values[counts.argmax()]
    print(f"{name}: {len(maps)} clusters, {int((clusters < 0).sum())} patches of noise, {int((voted.numpy() != labels).sum())} pixels change, "
          f"labels then: {sorted(set(voted.flatten().tolist()))}")
    write(name, grid_h=h, grid_w=w, height=height, width=width, eps=eps, min_points=min_points, affinity=affinity, labels=labels,
          voted=voted.numpy())


def main():
    generator = np.random.Generator(np.random.PCG64(3))
    points(generator)
    votes(generator, "square", 6, 6, 31, 40, 0.62, 3)
    votes(generator, "wide", 4, 7, 33, 50, 0.5, 3)
    votes(generator, "one_row", 1, 9, 5, 20, 1.1, 2)


if __name__ == "__main__":
    main()
