"""The settings behind the published numbers, per benchmark."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Configuration:
    short_side: int = 336
    logit_scale: float = 40.0
    prob_thd: float = 0.0
    area_thd: float | None = None
    refine: tuple[int, tuple[int, ...]] | None = None  # iterations and dilations of PAMR
    propagate: tuple[int, int] | None = None           # iterations and cells of PEARL's propagation


CONFIGURATIONS = {
    "voc21": Configuration(logit_scale=65, prob_thd=0.1, area_thd=0.1),
    "voc20": Configuration(),
    "context60": Configuration(logit_scale=50, prob_thd=0.1),
    "context59": Configuration(),
    "coco_object": Configuration(logit_scale=50, prob_thd=0.1),
    "coco_stuff164k": Configuration(short_side=448),
    "ade20k": Configuration(),
    "cityscapes": Configuration(short_side=560),
}
