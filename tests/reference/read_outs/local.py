"""CLIP's attention, each patch within the n × n patches around it (the paper's Table 3). A patch does not see the class token, so
that n = 1 is MaskCLIP on the patches; the class token sees all, and nothing reads it."""
import torch

from ._last_block import features_of

SPELLINGS = ["local-5", "local:n=1", "local:n=9"]
IN_NAME = "n"


def features(inputs, n: float = 3):
    def attend(q, k, v, normed, grid):
        h, w = grid
        y, x = torch.arange(h * w) // w, torch.arange(h * w) % w
        far = torch.maximum((y[:, None] - y).abs(), (x[:, None] - x).abs()) > (n - 1) / 2
        hidden = torch.zeros(1 + h * w, 1 + h * w, dtype=torch.bool)
        hidden[1:, 1:], hidden[1:, 0] = far, True
        scores = (q @ k.transpose(-1, -2) / (8 * inputs.temperature)).masked_fill(hidden, float("-inf"))
        return torch.softmax(scores, dim=-1) @ v
    return features_of(inputs, attend)
