"""What the card reaches at best: bytes copied (read and written ones counted), and cuBLASLt's largest product."""
import json

from ..step import Row, json_lines


def datasheet(bench, name):
    """The entry of devices.json for a card, or None."""
    devices = json.loads((bench.place.root / "benchmarks/cuda/devices.json").read_text())
    return next((device for key, device in devices.items() if key.replace("RTX ", "").split()[0] in name), None)


def run(bench):
    size = ("--bytes", 1 << 20, "--side", 64, "--rounds", 1) if bench.simulated else ()
    command = bench.program("sclip_cuda_ceilings", *size)
    found, = json_lines(bench.run(command).out)
    bench.found["bandwidth"] = found["copy_bytes_per_second"]
    bench.found["flops"] = max(found["f16_flops_per_second"], found["bf16_flops_per_second"])
    peak, spelt = datasheet(bench, found["device"]), bench.spell(command)
    share = f"{found['copy_bytes_per_second'] / peak['bandwidth_gbs'] / 1e9:.1%} of the data sheet's" if peak else ""
    yield Row(f"copy of {found['copied_bytes'] >> 20} MiB", found["copy_bytes_per_second"] / 1e9, "GB/s", share, spelt)
    for dtype in ("f16", "bf16"):
        flops = found[f"{dtype}_flops_per_second"]
        share = f"{flops / peak['tensor_tflops'] / 1e12:.1%} of the data sheet's" if peak else ""
        yield Row(f"cuBLASLt {dtype}, {found['side']}³", flops / 1e12, "TFLOP/s", share, spelt)
