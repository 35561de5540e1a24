"""The bytes that a block moves, as docs/kernels/gemm_fused.md has them."""
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks/cuda"))
import block_bytes  # noqa: E402


@pytest.mark.parametrize("options, activations", [
    # Per token and channel, by hand: qkv 8, attention 8, out 10, fc1 10, fc2 16, two layer norms of 6; QuickGELU 16;
    # a residual of its own 8 more each; norms where the residual is added save 4 each.
    ({"quick_gelu_fused": False, "residual_fused": False}, 96),
    ({"quick_gelu_fused": False}, 80),
    ({}, 64),
    ({"norm_fused": True}, 56),
])
def test_bytes_are_those_counted_by_hand(options, activations):
    c, rows = 768, 197
    weights = 2 * 12 * c * c + 4 * (3 + 1 + 4 + 1 + 4) * c  # matrices in halves; biases and two layer norms in f32
    assert block_bytes.total(block_bytes.kernels(c, **options), rows) == activations * c * rows + weights
    assert block_bytes.floor(c, rows) == 8 * c * rows + weights


def test_the_page_has_the_table_of_its_command():
    assert block_bytes.table(768, 197, [16, 32, 64]) in (ROOT / "docs/kernels/gemm_fused.md").read_text()
