"""Contestant: PyTorch eager, image encoder."""
from .serve import arguments, serve

options = arguments(__doc__)
import torch  # noqa: E402  after OMP_NUM_THREADS is set

from .torch_clip import VisionEncoder  # noqa: E402
from .workload import error, load_model, window_batch  # noqa: E402

torch.set_num_threads(options.threads)
model = load_model(options.weights)
images = window_batch(options.photo, options.windows)
dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
encoder = VisionEncoder(model.to(dtype).tensors, options.policy).eval()
given = images.to(dtype)


@torch.inference_mode()
def run():
    return encoder(given)


features = run()
serve(run, {"version": torch.__version__, "error": error(features, model, images, options.policy),
            "settings": "eager, fused attention, inference mode"})
