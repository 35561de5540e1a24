"""Resizes the vision tower's position table for another image size, once, at conversion."""
import numpy as np

METHODS = ("open_clip", "sclip")


def resize_positions(table, grid, method):
    """(1 + g², C) → (1 + grid², C): class row kept, the rest bicubic, separable, half-pixel centres.

    `open_clip` antialiases with a = −0.5, as that library does at load; `sclip` does not and has a = −0.75 and
    the scale (grid + 0.1)/g, as the engine does for windows that are not of the native size.
    """
    old = round((len(table) - 1) ** 0.5)
    patches = table[1:].astype(np.float64).reshape(old, old, -1)
    weights = _antialiased(old, grid) if method == "open_clip" else _plain(old, grid)
    out = np.einsum("yi,xj,ijc->yxc", weights, weights, patches, optimize=True)
    return np.concatenate([table[:1], out.reshape(grid * grid, -1).astype(np.float32)])


def _cubic(x, a):
    x = np.abs(x)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _plain(old, new):
    weights = np.zeros((new, old))
    for row in range(new):
        centre = (row + 0.5) * old / (new + 0.1) - 0.5
        first = int(np.floor(centre)) - 1
        for tap in range(first, first + 4):
            weights[row, min(max(tap, 0), old - 1)] += _cubic(centre - tap, -0.75)
    return weights


def _antialiased(old, new):
    scale = old / new
    stretch = max(scale, 1.0)
    weights = np.zeros((new, old))
    for row in range(new):
        centre = (row + 0.5) * scale
        first = max(int(centre - 2 * stretch + 0.5), 0)
        last = min(int(centre + 2 * stretch + 0.5), old)
        taps = np.arange(first, last)
        taps_weights = _cubic((taps - centre + 0.5) / stretch, -0.5)
        weights[row, first:last] = taps_weights / taps_weights.sum()
    return weights
