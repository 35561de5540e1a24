"""What /readyz says when a device fails, and when it computes again. The failure is made between the program and the CUDA runtime."""
import os
import shutil
import subprocess
import time

import pytest
from cli_support import SCLIP, pytestmark, run  # noqa: F401
from serve_support import TINY, picture, serving

SIMULATOR = SCLIP.parent / "cudasim"

# cudaErrorLaunchFailure from every wait, while the file is there.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>
int cudaStreamSynchronize(void* stream) {
  int (*next)(void*) = (int (*)(void*))dlsym(RTLD_NEXT, "cudaStreamSynchronize");
  const int result = next(stream);
  return access(getenv("DEVICE_FAILS"), F_OK) == 0 ? 719 : result;
}
"""


@pytest.fixture
def breakable(tmp_path):
    """(environment, the file that breaks the device)"""
    cuda = next(line for line in run("info").out.splitlines() if line.split()[:1] == ["cuda"])
    if "this build has no CUDA backend" in cuda:
        pytest.skip("this build has no CUDA backend: a failing device was not tried")
    if not SIMULATOR.exists():
        pytest.skip("there is no cudasim here: a failing device was not tried")
    compiler = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    (tmp_path / "shim.c").write_text(SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", tmp_path / "shim.so", tmp_path / "shim.c", "-ldl"], check=True)
    broken = tmp_path / "broken"
    return os.environ | {"LD_PRELOAD": str(tmp_path / "shim.so"), "DEVICE_FAILS": str(broken)}, broken


def test_a_device_that_fails_is_said_and_tried_again(breakable):
    environment, broken = breakable
    with serving("--device", "cuda", environment=environment, launcher=[SIMULATOR]) as service:
        ready = service.ask("GET", "/readyz")
        assert ready.status == 200 and ready.json["device"] == "cuda", ready.body
        photo = picture(40, 30)
        first = service.post("/v1/segment", {"classes": "sky; tree", "outputs": "mask"}, photo)
        assert first.status == 200, first.body

        broken.touch()
        failed = service.post("/v1/segment", {"classes": "sky; tree", "outputs": "mask"}, photo)
        assert failed.status == 503 and "retry-after" in failed.headers, failed.body
        assert "device" in failed.error["message"] or "CUDA" in failed.error["message"], failed.error
        assert service.ask("GET", "/readyz").status == 503
        assert service.ask("GET", "/healthz").status == 200  # nobody should restart what may come back by itself
        again = service.post("/v1/segment", {"classes": "sky; tree", "outputs": "mask"}, photo)
        assert again.status == 503, again.body
        metrics = service.metrics()
        assert metrics["sclip_ready"] == 0 and metrics["sclip_device_failures_total"] == 1

        broken.unlink()
        end = time.time() + 60
        while service.ask("GET", "/readyz").status != 200:
            assert time.time() < end, "the device computes again, and /readyz does not say so"
            time.sleep(0.2)
        last = service.post("/v1/segment", {"classes": "sky; tree", "outputs": "mask"}, photo)
        assert (last.status, last.body) == (200, first.body)
