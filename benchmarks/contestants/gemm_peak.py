"""Contestant: the machine's matrix-multiplication peak, the largest that PyTorch's libraries and oneDNN reach."""
import json
import time

from .serve import arguments

options = arguments(__doc__)
import torch  # noqa: E402
from torch.utils import mkldnn  # noqa: E402

torch.set_num_threads(options.threads)
SHAPES = [(2048, 2048, 2048), (4096, 2048, 2048), (1576, 3072, 768)]  # the last is an MLP layer over 8 windows


def multiplications(dtype):
    """(name, flops, run)"""
    for m, n, k in SHAPES:
        a, b = torch.randn(m, k, dtype=dtype), torch.randn(n, k, dtype=dtype)
        yield f"torch {m}x{n}x{k}", 2 * m * n * k, lambda a=a, b=b: a @ b.T
        layer = torch.nn.Linear(k, n, bias=False)
        packed = mkldnn.to_mkldnn(layer, dtype) if dtype == torch.bfloat16 else mkldnn.to_mkldnn(layer)
        given = torch.randn(m, k).to_mkldnn(dtype) if dtype == torch.bfloat16 else torch.randn(m, k).to_mkldnn()
        yield f"oneDNN {m}x{n}x{k}", 2 * m * n * k, lambda packed=packed, given=given: packed(given)


@torch.inference_mode()
def best(dtype, repeats: int = 4):
    """{name: GFLOP/s}: the best of a few runs each."""
    rates = {}
    for name, flops, run in multiplications(dtype):
        run()
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        rates[name] = round(flops / min(times) / 1e9, 1)
    return rates


print("ready {}", flush=True)
for line in iter(input, "quit"):
    print(json.dumps(best(torch.bfloat16 if options.precision == "bf16" else torch.float32)), flush=True)
