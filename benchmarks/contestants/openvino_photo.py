"""Contestant: a Python program whose encoder is OpenVINO, one photo to its labels; all windows in one request, as its hint for
latency makes it, or windows side by side (--tuned)."""
from .serve import arguments, serve

options = arguments(__doc__)
import numpy as np  # noqa: E402
import openvino as ov  # noqa: E402
import torch  # noqa: E402

from .onnx_file import onnx_file  # noqa: E402
from .python_photo import PythonPhoto  # noqa: E402

photo = PythonPhoto(options)
core = ov.Core()
kept = torch.from_numpy(photo.windows())
read = core.read_model(onnx_file(options.weights, photo.model.tensors, "sclip", kept[:1] if options.tuned else kept))
settings = {"INFERENCE_PRECISION_HINT": options.precision, "INFERENCE_NUM_THREADS": options.threads}
if options.tuned:
    compiled = core.compile_model(read, "CPU", settings | {"PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": options.threads})
    queue = ov.AsyncInferQueue(compiled, options.threads)
    collected = [None] * len(photo.spans)

    def keep(request, index):
        collected[index] = request.get_output_tensor(0).data.copy()
    queue.set_callback(keep)

    def encode(images):
        for index in range(len(images)):
            queue.start_async([images[index:index + 1]], index, share_inputs=True)
        queue.wait_all()
        return np.concatenate(collected)
else:
    compiled = core.compile_model(read, "CPU", settings | {"PERFORMANCE_HINT": "LATENCY"})

    def encode(images):
        return compiled(images)[0]


def run():
    return photo.labels(encode(photo.windows()))


serve(run, {"version": ov.__version__, "agreement": photo.agreement(run()),
            "settings": f"{options.precision}, " + ("THROUGHPUT, a stream per thread" if options.tuned else "LATENCY")})
