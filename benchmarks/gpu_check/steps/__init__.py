"""The table of steps, in the order in which they are worth having when time is short. Limits are seconds.

A quick run has about 3 minutes, a full one 8; what each step runs stands in its own file."""
from ..step import Step
from . import ceilings, correctness, encoder, energy, folder, kernels, latency, peers, profiler, sanitizer, weights

NO_CARD = "under cudasim there is no card to ask"
CHECKS_ITSELF = "cudasim checks memory and races itself"
NO_TORCH_DEVICE = "PyTorch has no device under cudasim"

STEPS = (
    Step("weights", "weights", weights.run, 60, needs=("NumPy",)),
    Step("kernels against their oracles", "correctness", correctness.kernels, 90, correctness=True),
    Step("engine on the device", "correctness", correctness.engine, 90, correctness=True),
    Step("backend", "correctness", correctness.backend, 60, correctness=True),
    Step("whole pipeline", "correctness", correctness.pipeline, 60, correctness=True),
    Step("ceilings", "ceilings", ceilings.run, 20),
    Step("encoder f16", "encoder", encoder.f16, 30),
    Step("encoder bf16", "encoder", encoder.bf16, 30),
    Step("encoder fp8", "encoder", encoder.fp8, 30),
    Step("encoder, tuned", "encoder", encoder.tuned, 30),
    Step("latency", "latency", latency.run, 20),
    Step("encoder beside PyTorch", "encoder", peers.uncompiled, 50, needs=("PyTorch",), device_only=NO_TORCH_DEVICE),
    Step("kernels", "kernels", kernels.ours, 60),
    Step("fp8 beside f32", "correctness", correctness.fp8, 30, correctness=True, quick=False),
    Step("products", "kernels", kernels.products, 40, correctness=True, quick=False),
    Step("cuDNN", "kernels", kernels.cudnn, 20, device_only="cuDNN has no stand-in under cudasim"),
    Step("folder", "folder", folder.run, 60),
    Step("energy", "energy", energy.run, 15, needs=("nvidia-smi",), device_only=NO_CARD),
    Step("attention beside PyTorch", "kernels", peers.attention, 25, needs=("PyTorch",), device_only=NO_TORCH_DEVICE),
    Step("memcheck", "sanitizer", sanitizer.memcheck, 40, correctness=True, quick=False, needs=("compute-sanitizer",),
         device_only=CHECKS_ITSELF),
    Step("racecheck", "sanitizer", sanitizer.racecheck, 40, correctness=True, quick=False, needs=("compute-sanitizer",),
         device_only=CHECKS_ITSELF),
    Step("encoder beside torch.compile", "encoder", peers.compiled, 100, quick=False, needs=("PyTorch",), device_only=NO_TORCH_DEVICE),
    Step("encoder f32", "encoder", encoder.f32, 30, quick=False),
    Step("encoder, larger windows", "encoder", encoder.larger, 40, quick=False),
    Step("profile", "profile", profiler.run, 50, quick=False, needs=("ncu",), device_only=NO_CARD),
)
