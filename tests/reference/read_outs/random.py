"""The mean of the attention of n random projections (the paper's Table 2).

The distribution is this project's: uniform in ±√(3/C), the variance 1/C with which CLIP initialises attention. Element i (row by
row) of matrix m under seed s, modulo 2^64: key = mix(s·2^32 + m), bits = mix(key + (i + 1)·0x9E3779B97F4A7C15),
value = f32((2·⌊bits/2^40⌋/2^24 − 1)·√(3/C)), with SplitMix64's mix.
"""
import numpy as np
import torch

from ._last_block import features_of, self_attention

SPELLINGS = ["random-3", "random:n=1", "random:n=2,seed=7", "random:n=6"]
IN_NAME = "n"


def _mix(z: np.ndarray) -> np.ndarray:
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def projection(seed: int, matrix: int, width: int) -> np.ndarray:
    """(C, C) f32"""
    with np.errstate(over="ignore"):
        key = _mix(np.array([(seed << 32) + matrix], np.uint64))
        bits = _mix(key + np.arange(1, width * width + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    u = (bits >> np.uint64(40)).astype(np.float64) / 2**24
    return ((2 * u - 1) * np.sqrt(3 / width)).astype(np.float32).reshape(width, width)


def features(inputs, n: float = 4, seed: float = 0):
    def attend(q, k, v, normed, grid):
        maps = [self_attention(normed, torch.from_numpy(projection(int(seed), m, normed.shape[-1])).to(normed.dtype), inputs.temperature)
                for m in range(int(n))]
        return sum(maps) / len(maps) @ v
    return features_of(inputs, attend)
