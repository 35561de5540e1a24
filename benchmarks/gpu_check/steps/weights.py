"""Random ViT-B/16 weights, made and converted here; under cudasim a small CLIP's, to run the code, and the demo model serves."""
from ..machine import tool_refusal
from ..step import Row


def run(bench):
    folder = bench.out / "weights"
    folder.mkdir(exist_ok=True)
    # PyTorch reads its own format; the converter reads both, and needs neither library.
    state = folder / ("random.pt" if tool_refusal("PyTorch") is None else "random.safetensors")
    blob = folder / "random.sclip"
    shape = "small" if bench.simulated else "vit-b-16"
    if not state.exists():
        bench.run(bench.python("tests.reference.random_weights", state, "--shape", shape))
    convert = bench.python("sclip_convert", "--from", "open_clip", state, "--model", "ViT-B-16-quickgelu", "-o", blob)
    words = "made by an earlier run"
    if not blob.exists():
        words = bench.run(convert).out.strip().partition(": ")[2]
    if not bench.simulated:
        bench.model, bench.state = blob, state
    yield Row(f"random {shape}", note=words, command=bench.spell(convert), timed=False)
