"""Sliding windows: mmsegmentation's slide_inference, where the last window is moved back to the border."""


def axis(length: int, crop: int, stride: int) -> list[tuple[int, int]]:
    """[(start, end)] along one axis; an axis shorter than the crop has one shorter window."""
    count = max(length - crop + stride - 1, 0) // stride + 1
    spans = []
    for i in range(count):
        end = min(i * stride + crop, length)
        spans.append((max(end - crop, 0), end))
    return spans


def windows(height: int, width: int, crop: int, stride: int) -> list[tuple[int, int, int, int]]:
    """[(y0, y1, x0, x1)] row by row; crop 0 is the whole image at once."""
    if crop == 0:
        return [(0, height, 0, width)]
    return [(y0, y1, x0, x1) for y0, y1 in axis(height, crop, stride) for x0, x1 in axis(width, crop, stride)]
