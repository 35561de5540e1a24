"""E4M3 as sclip rounds to it is PyTorch's float8_e4m3fn, which saturates nowhere: values beyond 448 are clamped for it."""
import os
import subprocess
from pathlib import Path

import numpy
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("SCLIP_BUILD", ROOT / "build")) / "sclip_quantize_rows"


def quantized(rows):
    if not BINARY.exists():
        pytest.fail(f"{BINARY} does not exist: build it first (cmake --build build)")
    out = subprocess.run([BINARY, str(rows.shape[1])], input=rows.numpy().tobytes(), capture_output=True, check=True).stdout
    codes = numpy.frombuffer(out[:rows.numel()], numpy.uint8).reshape(rows.shape)
    return torch.from_numpy(codes.copy()), torch.from_numpy(numpy.frombuffer(out[rows.numel():], numpy.float32).copy())


def test_every_bf16_is_rounded_as_pytorch_rounds_it():
    values = torch.arange(0x10000, dtype=torch.int32).to(torch.int16).view(torch.bfloat16).float()
    values = values[~values.isnan() & (values.abs() <= 448)]
    rows = torch.cat([values, torch.full((1,), 448.0)]).reshape(1, -1)
    codes, scales = quantized(rows)
    assert scales.tolist() == [1]
    assert torch.equal(codes, rows.to(torch.float8_e4m3fn).view(torch.uint8))


def test_rows_come_back_as_pytorch_reads_them():
    rows = torch.randn(64, 768, generator=torch.Generator().manual_seed(3)) * torch.logspace(-20, 20, 64)[:, None]
    codes, scales = quantized(rows)
    assert torch.equal(scales, rows.abs().amax(1) / 448)
    # The factor that stands for the division is rounded once more, so that a tie may fall to either side.
    expected = (rows.double() / scales[:, None].double()).float().clamp(-448, 448).to(torch.float8_e4m3fn)
    values = codes.view(torch.float8_e4m3fn).float()
    same = values == expected.float()
    assert same.float().mean() > 0.9999
    exact = rows.double() / scales[:, None].double()
    apart = ((values - exact).abs() - (expected.float() - exact).abs())[~same]
    assert bool((apart <= 2**-21 * exact.abs()[~same]).all())
