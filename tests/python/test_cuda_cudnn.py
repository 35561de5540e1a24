"""What needs cuDNN was built and linked here, and without a device it says in one sentence that it needs one."""
import json
import re
import subprocess

import numpy as np
import pytest
from cli_support import BARE, CHINA, CLASSES, SCLIP, fail, pytestmark, run, succeed  # noqa: F401
from PIL import Image

BENCH = SCLIP.parent / "sclip_cudnn_bench"
SEGMENT = ("segment", CHINA, "--classes", "sky", "--cudnn-mlp", "-o", "/nowhere")


@pytest.fixture(scope="module")
def bench():
    if not BENCH.exists():
        pytest.skip(f"{BENCH.name} is not there: this build has no cuDNN, or leaves the benchmarks out")
    return BENCH


@pytest.fixture
def no_device():
    cuda = next(line for line in run("info").out.splitlines() if line.split()[:1] == ["cuda"])
    if "this build has no CUDA backend" in cuda:
        pytest.skip("this build has no CUDA backend: nothing of it uses cuDNN")
    if "refused" not in cuda:
        pytest.skip("there is a CUDA device here")


@pytest.fixture
def device(bench):
    if "refused" in next(line for line in run("info").out.splitlines() if line.split()[:1] == ["cuda"]):
        pytest.skip("there is no CUDA device here: what cuDNN computes was not checked")


def cases(program):
    return json.loads(subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout)


def needed(program):
    listed = subprocess.run(["readelf", "-d", program], check=True, capture_output=True, text=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", listed)


def test_the_baselines_have_the_shapes_of_the_kernels(bench):
    ours = {case["name"]: case for case in cases(bench.with_name("sclip_cuda_bench"))}
    cudnn = {case["name"]: case for case in cases(bench)}
    for name, baseline in (("attention-clip-197", "cudnn-attention-clip-197"),
                           ("attention-clip-577", "cudnn-attention-clip-577"),
                           ("patch-embed-16", "cudnn-patch-embed-16-nhwc"), ("patch-embed-16", "cudnn-patch-embed-16-nchw")):
        assert cudnn[baseline]["shape"] == ours[name]["shape"]
        assert cudnn[baseline]["mma"] == ours[name]["mma"]
    assert {"cudnn-mlp-quick-gelu", "cublaslt-mlp-quick-gelu"} <= cudnn.keys()


def test_the_benchmark_is_linked_with_cudnn_and_the_command_is_not(bench):
    assert any(library.startswith("libcudnn.so") for library in needed(bench))
    assert not any(library.startswith("libcudnn") for library in needed(SCLIP))


def test_every_baseline_says_that_it_needs_a_device(bench, no_device):
    for case in cases(bench):
        done = subprocess.run([bench, "--case", case["name"]], capture_output=True, text=True)
        assert done.returncode == 2 and done.stdout == ""
        assert re.fullmatch(r"sclip: this benchmark needs a CUDA device: [^\n]+\n", done.stderr), done.stderr


def test_the_option_without_a_device_is_the_usual_error(no_device):
    line = fail(*SEGMENT, "--device", "cuda")
    assert line.startswith("sclip: device cuda cannot be used: ")
    assert line == fail(*(argument for argument in SEGMENT if argument != "--cudnn-mlp"), "--device", "cuda")


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_the_option_is_never_ignored_on_a_cpu(device, no_device):
    assert "--cudnn-mlp needs a CUDA device" in fail(*SEGMENT, "--device", device)


@pytest.mark.parametrize("precision", ["f16", "bf16"])
def test_the_option_gives_the_labels_that_the_kernels_give(precision, device, tmp_path):
    masks = []
    for folder, option in (("kernels", ()), ("cudnn", ("--cudnn-mlp",))):
        succeed("segment", CHINA, "--classes", CLASSES, *BARE, "--device", "cuda", "--precision", precision, *option,
                "-o", tmp_path / folder)
        masks.append(np.asarray(Image.open(tmp_path / folder / "mask.png")))
    assert (masks[0] == masks[1]).mean() >= 0.995
