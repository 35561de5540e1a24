"""python -m demo_train.msrc msrc_v2_a.tar OUT: MSRC v2 as a folder for `sclip eval --dataset folder`, judged as usual: void does not
count, nor the few horses; a face and a body are a person."""
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from .evaluate import IGNORED, MSRC
from .sources import Files, class_numbers


def unpack(archive: Path, out: Path) -> None:
    files = Files(archive)
    names, table = [], np.full(256, IGNORED, np.uint8)
    for number, name in class_numbers(files.read("msrc_v2/classes.txt").decode()).items():
        name = MSRC.get(name, name)
        if name is None or "unknown" in name:
            continue
        if name not in names:
            names.append(name)
        table[number] = names.index(name)
    for part in ("images", "masks"):
        (out / part).mkdir(parents=True, exist_ok=True)
    (out / "classes.txt").write_text("\n".join(names) + "\n")
    for name in files.below("msrc_v2/images"):
        stem = Path(name).stem
        (out / f"images/{stem}.jpg").write_bytes(files.read(name))
        mask = np.array(Image.open(io.BytesIO(files.read(f"msrc_v2/masks/{stem}_GT.png"))))
        Image.fromarray(table[mask]).save(out / f"masks/{stem}.png")


if __name__ == "__main__":
    unpack(Path(sys.argv[1]), Path(sys.argv[2]))
