"""The encoder as an ONNX file with static shapes, made once per weights and batch."""
from pathlib import Path

import torch

from .torch_clip import VisionEncoder


def onnx_file(weights: str, tensors: dict, policy: str, images: torch.Tensor) -> str:
    path = Path(weights).with_suffix(f".{policy}.b{len(images)}.onnx")
    if not path.exists() or path.stat().st_mtime < Path(weights).stat().st_mtime:
        partial = path.with_suffix(".partial")
        with torch.inference_mode():
            torch.onnx.export(VisionEncoder(tensors, policy).eval(), (images,), str(partial), opset_version=17,
                              input_names=["images"], output_names=["features"], dynamo=False)
        partial.rename(path)
    return str(path)
