"""The machine as it is found: driver, card, tools. Nothing here changes a setting of the card."""
import ctypes
import importlib.util
import shutil
import subprocess

QUERY = ("name", "driver_version", "power.limit", "power.max_limit", "clocks.sm", "clocks.max.sm", "clocks.mem",
         "clocks.max.mem", "temperature.gpu", "pstate", "persistence_mode", "mig.mode.current", "memory.total", "ecc.mode.current")


def driver_refusal(load=ctypes.CDLL):
    """Why no GPU can be used, in a sentence; None when one can."""
    try:
        driver = load("libcuda.so.1")
    except OSError:
        return ("no NVIDIA driver: libcuda.so.1 is not on this machine; gpu-check needs an NVIDIA GPU with a driver for CUDA 13 "
                "(580 or newer)")
    error = driver.cuInit(0)
    if error != 0:
        return f"no NVIDIA driver that works: libcuda.so.1 is here, but cuInit returned error {error}; nvidia-smi may say more"
    count = ctypes.c_int(0)
    error = driver.cuDeviceGetCount(ctypes.byref(count))
    if error != 0 or count.value == 0:
        return f"the NVIDIA driver is here but shows no GPU (cuDeviceGetCount: error {error}, {count.value} devices)"
    return None


def card():
    """The answers of nvidia-smi; {} without it."""
    try:
        line = subprocess.run(["nvidia-smi", f"--query-gpu={','.join(QUERY)}", "--format=csv,noheader", "-i", "0"],
                              capture_output=True, text=True, timeout=30, check=True).stdout.splitlines()[0]
    except (OSError, subprocess.SubprocessError, IndexError):
        return {}
    return dict(zip(QUERY, (value.strip() for value in line.split(","))))


def tool_refusal(name):
    """Why a tool cannot be used; None when it can. Names: PyTorch, NumPy, or a program."""
    modules = {"PyTorch": "torch", "NumPy": "numpy"}
    if name in modules:
        there = importlib.util.find_spec(modules[name]) is not None
        return None if there else f"{name} is not installed for this Python"
    return None if find_tool(name) else f"{name} is not installed"


def find_tool(name):
    return shutil.which(name) or shutil.which(name, path="/usr/local/cuda/bin")
