#!/usr/bin/env python3
"""Bytes that one block of an image tower moves between kernels, if nothing stays in L2 from one kernel to the next.

Every kernel reads its inputs and weights once and writes its outputs once, which is what the counters of
benchmarks/cuda_kernels.py say of each. Activations are halves, the residual stream is f32.

    benchmarks/cuda/block_bytes.py                    the table of docs/kernels/gemm_fused.md, for ViT-B/16
    benchmarks/cuda/block_bytes.py --width 1024 --tokens 257 --windows 8
"""

import argparse

HALF, FLOAT = 2, 4
MLP = 4  # width of the MLP over that of the tower


def kernels(width, quick_gelu_fused=True, residual_fused=True, norm_fused=False):
    """[(kernel, bytes a row, bytes of its weights)] from one layer norm to the same of the next block."""
    half, full = HALF * width, FLOAT * width

    def product(name, inputs, outputs, more):
        return (name, inputs * half + more, HALF * inputs * width * outputs * width + full * outputs)

    def into_stream(name, inputs):
        """A product that is added to the residual stream, and the layer norm of that."""
        if norm_fused:  # whole rows of the stream pass through the kernel that adds
            return [product(name, inputs, 1, 2 * full + half), ("layer norm", 0, 2 * full)]
        norm = ("layer norm", full + half, 2 * full)
        if residual_fused:
            return [product(name, inputs, 1, 2 * full), norm]
        return [product(name, inputs, 1, full), ("add", 3 * full, 0), norm]

    gelu = [] if quick_gelu_fused else [("quick-gelu", 2 * MLP * half, 0)]
    return [product("qkv", 1, 3, 3 * half), ("attention", 4 * half, 0), *into_stream("out", 1),
            product("fc1", 1, MLP, MLP * half), *gelu, *into_stream("fc2", MLP)]


def total(block, rows):
    return sum(row * rows + weights for _, row, weights in block)


def floor(width, rows):
    """The block's weights, the residual stream in and out."""
    return sum(weights for _, _, weights in kernels(width)) + 2 * FLOAT * width * rows


VARIANTS = [
    ("residual and QuickGELU in kernels of their own", {"quick_gelu_fused": False, "residual_fused": False}),
    ("residual in the product", {"quick_gelu_fused": False}),
    ("residual and QuickGELU in the product", {}),
    ("the same, and layer norms where the residual is added", {"norm_fused": True}),
]


def table(width, tokens, windows):
    rows = [tokens * n for n in windows]
    lines = ["| MB of one block | " + " | ".join(f"{n} windows" for n in windows) + " | ÷ floor |",
             "|---" * (len(windows) + 2) + "|"]

    def line(name, of_rows):
        values = [of_rows(r) for r in rows]
        cells = " | ".join(f"{v / 1e6:.1f}" for v in values)
        return f"| {name} | {cells} | {values[-1] / floor(width, rows[-1]):.2f} |"

    for name, options in VARIANTS:
        lines.append(line(name, lambda r: total(kernels(width, **options), r)))
    return "\n".join(lines + [line("floor: weights, residual stream in and out", lambda r: floor(width, r))])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=768, help="C (768)")
    parser.add_argument("--tokens", type=int, default=197, help="tokens of a window (197)")
    parser.add_argument("--windows", type=int, nargs="+", default=[16, 32, 64], help="batches (16 32 64)")
    options = parser.parse_args()
    print(table(options.width, options.tokens, options.windows))


if __name__ == "__main__":
    main()
