"""W_r from a file (the paper's Table 2): (C, C), (A, 64, 64): a matrix for each head, or (64, 64): one for all heads.

A file must be named, so that the parity tests of all read-outs cannot: tests/python/test_read_out_learned.py runs this one.
"""
import numpy as np
import torch

from ._last_block import features_of, self_attention

SPELLINGS = []


def features(inputs, file: str):
    matrix = torch.from_numpy(np.load(file)).to(inputs.model.dtype)
    heads = inputs.model["visual.proj"].shape[0] // 64
    if matrix.ndim == 3:
        matrix = torch.block_diag(*matrix)
    elif matrix.shape == (64, 64):
        matrix = torch.block_diag(*[matrix] * heads)

    def attend(q, k, v, normed, grid):
        return self_attention(normed, matrix, inputs.temperature) @ v
    return features_of(inputs, attend)
