"""Contestant: ONNX Runtime on the CPU, image encoder, f32."""
from .serve import arguments, fastest, serve

options = arguments(__doc__)
import onnxruntime as ort  # noqa: E402

from .onnx_file import onnx_file  # noqa: E402
from .workload import error, load_model, window_batch  # noqa: E402

if options.precision != "f32":
    raise SystemExit("ONNX Runtime's CPU provider has no bf16 kernels for this model")
model = load_model(options.weights)
images = window_batch(options.photo, options.windows)
path = onnx_file(options.weights, model.tensors, options.policy, images)


def session(spinning: str):
    settings = ort.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = options.threads, 1
    settings.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    settings.add_session_config_entry("session.intra_op.allow_spinning", spinning)
    made = ort.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    given = {"images": images.numpy()}
    return lambda: made.run(None, given)[0]


candidates = {"spinning": session("1"), "no spinning": session("0")}
name, seconds = fastest(candidates)
run = candidates[name]
serve(run, {"version": ort.__version__, "error": error(run(), model, images, options.policy),
            "settings": f"all graph optimisations, {name}", "tried": seconds})
