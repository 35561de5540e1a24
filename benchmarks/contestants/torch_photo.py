"""Contestant: PyTorch eager, a whole photo to its mask, with a text bank made anew in each run.

Timed: decoding, resizing, windows, image encoder, tokenisation of names × 80 templates, the plain 77-token text
encoder, merging, labels. Not timed: loading the model.
"""
from .serve import arguments, fastest, serve

options = arguments("Contestant: PyTorch eager, photo to mask")
import cv2  # noqa: E402
import torch  # noqa: E402

from tests.reference import image, text  # noqa: E402
from tests.reference.configurations import CONFIGURATIONS  # noqa: E402
from tests.reference.labels import class_scores, labels, merge, resize_bilinear  # noqa: E402
from tests.reference.windows import windows  # noqa: E402

from .torch_clip import TextEncoder, VisionEncoder  # noqa: E402
from .workload import load_model  # noqa: E402

torch.set_num_threads(options.threads)
cv2.setNumThreads(options.threads)
dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
model = load_model(options.weights, dtype)
vision, prompts = VisionEncoder(model.tensors, options.policy).eval(), TextEncoder(model.tensors).eval()
queries, owner = text.flatten_classes([c.strip().split(", ") for c in options.classes.split(";")])
templates = text.templates()


def text_bank(batch: int) -> torch.Tensor:
    ids = text.tokenize([t.replace("{}", q) for q in queries for t in templates])
    features = torch.cat([prompts(part) for part in ids.split(batch)]).float()
    return text.unit(features.unflatten(0, (len(queries), -1)).mean(dim=1))


@torch.inference_mode()
def run():
    photo = image.decode(options.photo)
    height, width = image.scaled_size(*photo.shape[:2], 336)
    pixels = torch.from_numpy(image.normalise(cv2.resize(photo, (width, height), interpolation=cv2.INTER_LINEAR)))
    spans = windows(height, width, 224, 112)
    crops = torch.stack([pixels[:, a:b, c:d] for a, b, c, d in spans])
    features = torch.cat([vision(part.to(dtype)) for part in crops.split(8)]).float()
    planes = (features @ text_bank(batch).T).transpose(1, 2).unflatten(2, (14, 14))
    logits = resize_bilinear(merge(list(planes), spans, height, width)[None], *photo.shape[:2])[0]
    return labels(class_scores(logits, owner, CONFIGURATIONS["voc20"].logit_scale), 0.0)


with torch.inference_mode():
    sizes = {f"text batch {n}": (lambda n=n: prompts(torch.full((n, 77), 49407))) for n in (16, 80, 240)}
    _, seconds = fastest(sizes, 1)
batch = min((16, 80, 240), key=lambda n: seconds[f"text batch {n}"] / n)
run()
serve(run, {"version": torch.__version__, "settings": f"eager, text batches of {batch}", "tried": seconds,
            "prompts": len(queries) * len(templates)})
