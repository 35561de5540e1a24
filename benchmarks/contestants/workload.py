"""What every encoder contestant is given: the windows of one photo, and the features expected of them."""
import numpy as np
import torch

from tests.reference import image, vision
from tests.reference.weights import Model, load_model
from tests.reference.windows import windows

FLOPS_NOTE = "multiplications and additions of convolution, linear layers and attention; elementwise work not counted"


def window_batch(photo: str, count: int) -> torch.Tensor:
    """(count, 3, 224, 224) f32: the first windows of the photo at short side 336, crop 224, stride 112."""
    pixels = image.decode(photo)
    height, width = image.scaled_size(*pixels.shape[:2], 336)
    planes = image.normalise(image.resize_opencv_linear(pixels, height, width))
    spans = windows(height, width, 224, 112)
    if len(spans) < count:
        raise SystemExit(f"{photo} gives {len(spans)} windows at short side 336, fewer than the {count} asked for")
    return torch.from_numpy(np.stack([planes[:, a:b, c:d] for a, b, c, d in spans[:count]]))


def error(features, model: Model, images: torch.Tensor, policy: str) -> float:
    """Largest difference from the f32 reference, relative to the largest value; features: (B, N − 1, E)."""
    with torch.inference_mode():
        expected = vision.tokens(model, images, policy)[:, 1:]
    return float((torch.as_tensor(features).float() - expected).abs().max() / expected.abs().max())


def flops_per_window(model: Model, policy: str = "sclip") -> float:
    """Of one native window (see FLOPS_NOTE)."""
    width, layers, patches = model["visual.proj"].shape[0], model.vision_layers, model.native_grid**2
    tokens, mlp = patches + 1, model["visual.transformer.resblocks.0.mlp.c_fc.weight"].shape[0]
    linear = 2 * tokens * width * (4 * width + 2 * mlp) * layers
    maps = (layers - 1) * 2 + (3 if policy == "sclip" else 2)  # N×N×C products; the two maps of CSA are added first
    return (2 * patches * 3 * model.patch**2 * width + linear + maps * 2 * tokens**2 * width
            + 2 * tokens * width * model["visual.proj"].shape[1])


__all__ = ["FLOPS_NOTE", "error", "flops_per_window", "load_model", "window_batch"]
