"""python -m demo_train.pagoda GREY.png CLASS: how much of china.jpg's pagoda is CLASS in a picture of plain ids
(`sclip segment tests/data/photos/china.jpg --outputs grey`). The outline was drawn by hand, roughly."""
import sys

import numpy as np
from PIL import Image, ImageDraw

OUTLINE = [(197, 30), (215, 30), (217, 62), (262, 93), (319, 118), (318, 130), (297, 140), (296, 158), (329, 170), (327, 186), (321, 190),
           (321, 232), (326, 243), (352, 250), (350, 265), (341, 275), (342, 305), (349, 310), (347, 322), (371, 333), (350, 358), (322, 375),
           (318, 385), (290, 388), (212, 388), (205, 370), (160, 352), (125, 335), (80, 333), (80, 288), (66, 272), (65, 258), (95, 245),
           (98, 232), (98, 195), (85, 185), (86, 168), (120, 158), (120, 140), (97, 132), (97, 108), (190, 65), (194, 60)]


def share(ids: np.ndarray, wanted: int) -> float:
    """ids: (427, 640)."""
    outline = Image.new("1", (640, 427))
    ImageDraw.Draw(outline).polygon(OUTLINE, fill=1)
    return float((ids[np.array(outline)] == wanted).mean())


if __name__ == "__main__":
    print(f"{100 * share(np.array(Image.open(sys.argv[1])), int(sys.argv[2])):.1f}% of the pagoda")
