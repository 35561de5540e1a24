"""Contestant: OpenVINO on the CPU, image encoder: the fastest of two front ends and three ways of execution."""
import gc

from .serve import arguments, fastest, serve

options = arguments(__doc__)
import numpy as np  # noqa: E402
import openvino as ov  # noqa: E402
import torch  # noqa: E402

from .onnx_file import onnx_file  # noqa: E402
from .torch_clip import VisionEncoder  # noqa: E402
from .workload import error, load_model, window_batch  # noqa: E402

torch.set_num_threads(options.threads)
model = load_model(options.weights)
images = window_batch(options.photo, options.windows)
core = ov.Core()
COMMON = {"INFERENCE_PRECISION_HINT": options.precision, "INFERENCE_NUM_THREADS": options.threads}


def graph(front_end: str, batch: int):
    if front_end == "onnx":
        read = core.read_model(onnx_file(options.weights, model.tensors, options.policy, images))
    else:
        with torch.inference_mode():
            read = ov.convert_model(VisionEncoder(model.tensors, options.policy).eval(), example_input=images[:1])
    read.reshape({read.inputs[0]: [batch, *images.shape[1:]]})
    return read


def latency(front_end: str, **extra):
    """One request with all windows, all threads on it."""
    request = core.compile_model(graph(front_end, len(images)), "CPU",
                                 COMMON | {"PERFORMANCE_HINT": "LATENCY"} | extra).create_infer_request()
    given = images.numpy()

    def run():
        request.infer([given], share_inputs=True, share_outputs=True)
        return request.get_output_tensor(0).data
    return run


def throughput(front_end: str, batch: int, **extra):
    """Windows in flight at once, a stream per thread; the pool of requests is kept, as a server would."""
    compiled = core.compile_model(graph(front_end, batch), "CPU", COMMON | {
        "PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": options.threads} | extra)
    queue = ov.AsyncInferQueue(compiled, options.threads)
    parts = [np.ascontiguousarray(p.numpy()) for p in images.split(batch)]
    collected = [None] * len(parts)

    def keep(request, index):
        collected[index] = request.get_output_tensor(0).data.copy()
    queue.set_callback(keep)

    def run():
        for index, part in enumerate(parts):
            queue.start_async([part], index, share_inputs=True)
        queue.wait_all()
        return np.concatenate(collected)
    return run


def choose():
    """One compiled model at a time, so that idle ones neither hold memory nor threads."""
    half = max(1, len(images) // options.threads)
    plans = {"torch front end, LATENCY": lambda: latency("torch"),
             "ONNX front end, LATENCY": lambda: latency("onnx"),
             "torch front end, LATENCY, unpinned": lambda: latency("torch", ENABLE_CPU_PINNING=False),
             f"torch front end, THROUGHPUT, batches of {half}": lambda: throughput("torch", half),
             "torch front end, THROUGHPUT, batches of 1": lambda: throughput("torch", 1)}
    seconds = {}
    for name, make in plans.items():
        seconds |= fastest({name: make()})[1]
        gc.collect()
    best = min(seconds, key=seconds.get)
    return best, plans[best](), seconds


name, run, seconds = choose()
serve(run, {"version": ov.__version__, "error": error(run(), model, images, options.policy),
            "settings": f"static shapes, {name}", "tried": seconds})
