"""Weights under OpenAI's key names, and the dimensions they imply."""
from dataclasses import dataclass, field
from pathlib import Path

import torch


@dataclass(frozen=True)
class Model:
    """State dict in one dtype on the CPU. Heads are 64 wide in every CLIP of OpenAI's.

    `kept`: what vision.run_block made of each input, where a caller asks for many policies of the same photos."""
    tensors: dict[str, torch.Tensor]
    quick_gelu: bool = True
    eps: float = 1e-5
    kept: dict | None = field(default=None, compare=False, repr=False)

    def __getitem__(self, key: str) -> torch.Tensor:
        return self.tensors[key]

    @property
    def dtype(self) -> torch.dtype:
        return self["visual.proj"].dtype

    @property
    def patch(self) -> int:
        return self["visual.conv1.weight"].shape[-1]

    @property
    def native_grid(self) -> int:
        return round((self["visual.positional_embedding"].shape[0] - 1) ** 0.5)

    @property
    def image_size(self) -> int:
        return self.patch * self.native_grid

    @property
    def vision_layers(self) -> int:
        return sum(k.startswith("visual.transformer.resblocks.") and k.endswith("ln_1.weight") for k in self.tensors)

    @property
    def text_layers(self) -> int:
        return sum(k.startswith("transformer.resblocks.") and k.endswith("ln_1.weight") for k in self.tensors)

    @property
    def logit_scale(self) -> float:
        """What the cosines of a classification are multiplied by; kept as a logarithm in checkpoints."""
        return float(self["logit_scale"].double().exp())

    def to(self, dtype: torch.dtype) -> "Model":
        return Model({k: v.to(dtype) for k, v in self.tensors.items()}, self.quick_gelu, self.eps)


def model_from(tensors: dict, dtype: torch.dtype = torch.float32, quick_gelu: bool = True) -> Model:
    ignored = {"input_resolution", "context_length", "vocab_size"}
    return Model({k: torch.as_tensor(v).to(dtype) for k, v in tensors.items() if k not in ignored}, quick_gelu)


def load_model(path: Path | str, dtype: torch.dtype = torch.float32, quick_gelu: bool = True) -> Model:
    """A plain state dict, or {'state_dict': …}, saved by torch.save."""
    saved = torch.load(path, map_location="cpu", weights_only=True)
    return model_from(saved.get("state_dict", saved), dtype, quick_gelu)
