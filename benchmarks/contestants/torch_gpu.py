"""Contestant: PyTorch on the machine's GPU. A line of JSON for every measurement.

    python -m benchmarks.contestants.torch_gpu encoder --weights random.pt --precision f16 --mode eager --batch 64
    python -m benchmarks.contestants.torch_gpu attention --precision f16

Modes of the encoder: eager, graph (eager in a CUDA graph), and torch.compile's own: default, reduce-overhead,
max-autotune. Times are of CUDA events around calls in a row; inputs and features stay on the device.
"""
import argparse
import json
import statistics
import time

import torch
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from .torch_clip import VisionEncoder

DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}


def milliseconds(call, rounds: int) -> list[float]:
    call(), call()
    torch.cuda.synchronize()
    begin = time.perf_counter()
    call()
    torch.cuda.synchronize()
    calls = max(1, min(50, int(0.02 / (time.perf_counter() - begin))))
    out = []
    for _ in range(rounds):
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        for _ in range(calls):
            call()
        stop.record()
        stop.synchronize()
        out.append(start.elapsed_time(stop) / calls)
    return sorted(out)


def graphed(call):
    call(), call()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        call()
    return graph.replay


@torch.inference_mode()
def encoder(options):
    state = torch.load(options.weights, weights_only=True)
    dtype = DTYPES[options.precision]
    model = VisionEncoder({k: v.to(dtype) for k, v in state.items()}, "sclip").eval().cuda()
    side = model.conv.kernel_size[0] * int((model.positions.shape[0] - 1) ** 0.5)
    if options.mode in ("eager", "graph"):
        compiled = model
    else:
        compiled = torch.compile(model, mode=None if options.mode == "default" else options.mode, dynamic=False)
    for batch in options.batch:
        images = torch.randn(batch, 3, side, side, device="cuda", dtype=dtype)
        begin = time.perf_counter()
        compiled(images)
        torch.cuda.synchronize()
        prepared = time.perf_counter() - begin

        def call(images=images):
            return compiled(images)

        times = milliseconds(graphed(call) if options.mode == "graph" else call, options.rounds)
        middle = statistics.median(times)
        print(json.dumps({"what": "encoder", "engine": "torch", "version": torch.__version__, "mode": options.mode,
                          "precision": options.precision, "batch": batch, "milliseconds": middle,
                          "windows_per_second": batch / middle * 1e3, "prepared_seconds": prepared}), flush=True)


@torch.inference_mode()
def attention(options):
    dtype = DTYPES[options.precision]
    backends = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION,
                "efficient": SDPBackend.EFFICIENT_ATTENTION}
    for batch, tokens in ((64, 197), (32, 442), (16, 785)):
        qkv = torch.randn(batch, tokens, 3, 12, 64, device="cuda", dtype=dtype)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        for name, backend in backends.items():
            for what, call in (("clip", lambda: F.scaled_dot_product_attention(q, k, v)),
                               ("csa", lambda: F.scaled_dot_product_attention(q, q, v)
                                + F.scaled_dot_product_attention(k, k, v)),
                               ("two calls", lambda: (F.scaled_dot_product_attention(q, q, v),
                                                      F.scaled_dot_product_attention(k, k, v)))):
                row = {"what": "attention", "engine": f"torch {name}", "scores": what, "batch": batch, "tokens": tokens,
                       "precision": options.precision}
                try:
                    with sdpa_kernel(backend):
                        row["microseconds"] = statistics.median(milliseconds(graphed(call), options.rounds)) * 1e3
                except RuntimeError as error:
                    row["refused"] = str(error).splitlines()[0]
                print(json.dumps(row), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("encoder", "attention"))
    parser.add_argument("--weights", help="state dict of a CLIP (encoder)")
    parser.add_argument("--precision", choices=DTYPES, default="f16")
    parser.add_argument("--mode", default="eager")
    parser.add_argument("--batch", type=int, nargs="+", default=[64])
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("PyTorch sees no CUDA device here")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = options.precision != "f32"
    torch.backends.cudnn.benchmark = True
    {"encoder": encoder, "attention": attention}[options.what](options)


if __name__ == "__main__":
    main()
