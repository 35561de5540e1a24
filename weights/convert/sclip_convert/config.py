"""The model's config: what a blob's metadata says about shapes and preprocessing."""
import json
from dataclasses import dataclass, field
from typing import List, Optional

OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass
class Tower:
    """One transformer."""

    width: int
    layers: int
    heads: int
    mlp_width: int


@dataclass
class Config:
    """Everything that tensors.csv's letters and the engine need."""

    vision: Tower
    text: Tower
    image_size: int
    patch_size: int
    context: int
    vocabulary: int
    embed_dim: int
    activation: str  # quick_gelu or gelu
    layer_norm_eps: float = 1e-5
    logit_scale: float = 100.0
    known_words: List[str] = field(default_factory=list)
    mean: tuple = OPENAI_MEAN  # on the scale 0…1, as the libraries have it
    std: tuple = OPENAI_STD
    crop: Optional[int] = None
    stride: Optional[int] = None
    short_side: Optional[int] = None

    @property
    def tokens(self):
        """Rows of the vision tower's position table."""
        return 1 + (self.image_size // self.patch_size) ** 2

    def letters(self, tower):
        """Values of the letters of core/shapes.h, for the tower `visual` or `text`."""
        side = self.vision if tower == "visual" else self.text
        return {"C": side.width, "F": side.mlp_width, "P": self.patch_size, "N": self.tokens, "E": self.embed_dim,
                "V": self.vocabulary, "T": self.context}

    def config_json(self):
        """The metadata entry `config`."""
        vision, text = vars(self.vision), vars(self.text)
        return _compact({
            "vision": {"image_size": self.image_size, "patch_size": self.patch_size, **vision},
            "text": {"context": self.context, "vocabulary": self.vocabulary, **text},
            "embed_dim": self.embed_dim, "activation": self.activation, "layer_norm_eps": self.layer_norm_eps,
            "logit_scale": round(self.logit_scale, 6), "known_words": self.known_words})

    def preprocessing_json(self):
        """The metadata entry `preprocessing`; windows default to the proportions of 224/112/336."""
        crop = self.image_size if self.crop is None else self.crop
        stride = max((crop or self.image_size) // 2, 1) if self.stride is None else self.stride
        short_side = self.image_size * 3 // 2 if self.short_side is None else self.short_side
        return _compact({"mean": _to_255(self.mean), "std": _to_255(self.std), "crop": crop, "stride": stride,
                         "short_side": short_side})


def _compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _to_255(values):
    # Three decimals, as the authors' configurations state them: 122.771, 116.746, 104.094.
    return [round(value * 255, 3) for value in values]
