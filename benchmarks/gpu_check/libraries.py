"""Finds CUDA's libraries where systems and Python wheels put them, and unpacks what the bundle keeps packed."""
import lzma
import os
import re
import site
import subprocess
import sys
from pathlib import Path

CUDA_LIBRARIES = ("libcudart.so.13", "libcublasLt.so.13", "libcudnn.so.9")
NEEDED = ("libcudart.so.13", "libcublasLt.so.13")  # without cuDNN only its own measurements are missing
WHEEL_FOLDERS = ("nvidia/cu13/lib", "nvidia/cublas/lib", "nvidia/cuda_runtime/lib", "nvidia/cudnn/lib")


def toolkit_folders(root=Path("/usr/local")):
    """The toolkit that the machine's owner chose first, then the newest."""
    def version(folder):
        return [int(number) for number in re.findall(r"\d+", folder.name)]
    chosen = [root / "cuda"] if (root / "cuda").exists() else []
    others = sorted(root.glob("cuda-*"), key=version, reverse=True)
    return [folder / name for folder in chosen + others for name in ("lib64", "lib")]


def loader_folders():
    """Folders of what the dynamic loader's cache lists."""
    for command in ("/sbin/ldconfig", "ldconfig"):
        try:
            listing = subprocess.run([command, "-p"], capture_output=True, text=True, timeout=20, check=True).stdout
        except (OSError, subprocess.SubprocessError):
            continue
        return [Path(path).parent for name, path in re.findall(r"^\s*(\S+) \(.*\) => (\S+)$", listing, re.M)
                if name in CUDA_LIBRARIES]
    return []


def wheel_folders(paths=None):
    if paths is None:
        paths = [*sys.path, *site.getsitepackages(), site.getusersitepackages()]
        paths += [str(path) for prefix in ("/usr/local/lib", "/usr/lib") for path in Path(prefix).glob("python3*/*-packages")]
    return [Path(path or ".") / folder for path in dict.fromkeys(paths) for folder in WHEEL_FOLDERS]


def find_libraries(folders):
    """Name → the first folder that has it."""
    found = {}
    for folder in folders:
        for name in CUDA_LIBRARIES:
            if name not in found and (folder / name).exists():
                found[name] = folder
    return found


def find_on_this_machine():
    named = [Path(path) for path in os.environ.get("LD_LIBRARY_PATH", "").split(":") if path]
    return find_libraries([*named, *toolkit_folders(), *loader_folders(), *wheel_folders()])


def unpack(packed_in, folder, kind="*.so*"):
    """Unpacks every NAME.xz of a kind in the folder `packed_in` as `folder`/NAME, once; the names."""
    names = []
    for packed in sorted(packed_in.glob(f"{kind}.xz")):
        target = folder / packed.stem
        names.append(packed.stem)
        if target.exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.{os.getpid()}")
        partial.write_bytes(lzma.decompress(packed.read_bytes()))
        partial.chmod(0o755)
        partial.rename(target)
    return names


def search_path(own_folders, found):
    """LD_LIBRARY_PATH for our programs. CUDA's folders come last: what else lies in them must not hide our libraries."""
    folders = [*own_folders, *dict.fromkeys(found.values())]
    return ":".join(str(folder) for folder in folders)
