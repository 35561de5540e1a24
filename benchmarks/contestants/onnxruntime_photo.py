"""Contestant: a Python program whose encoder is ONNX Runtime, one photo to its labels."""
from .serve import arguments, serve

options = arguments(__doc__)
import onnxruntime as ort  # noqa: E402
import torch  # noqa: E402

from .onnx_file import onnx_file  # noqa: E402
from .python_photo import PythonPhoto  # noqa: E402

photo = PythonPhoto(options)
settings = ort.SessionOptions()
settings.intra_op_num_threads = options.threads
session = ort.InferenceSession(onnx_file(options.weights, photo.model.tensors, "sclip", torch.from_numpy(photo.windows())), settings,
                               providers=["CPUExecutionProvider"])


def run():
    return photo.labels(session.run(None, {"images": photo.windows()})[0])


serve(run, {"version": ort.__version__, "agreement": photo.agreement(run()), "settings": "InferenceSession as it comes, all windows in a batch"})
