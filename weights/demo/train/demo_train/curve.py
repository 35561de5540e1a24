"""The live curve: a table that grows, and a picture of it."""
from pathlib import Path

COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#777777")


class Curve:
    """NAME.tsv in `folder`: views, name, value; curve.svg beside it, drawn anew with each row."""

    def __init__(self, folder: Path):
        self.folder = folder

    def add(self, views: int, values: dict[str, float], name="losses"):
        with open(self.folder / f"{name}.tsv", "a") as file:
            file.writelines(f"{views}\t{key}\t{value:.5g}\n" for key, value in values.items())
        (self.folder / f"{name}.svg").write_text(draw(read(self.folder / f"{name}.tsv")))


def read(path: Path) -> dict[str, list[tuple[float, float]]]:
    lines = {}
    for row in path.read_text().splitlines():
        views, key, value = row.split("\t")
        if key != "scale":
            lines.setdefault(key, []).append((float(views), float(value)))
    return lines


def draw(lines, width=720, height=360, margin=40) -> str:
    points = [point for line in lines.values() for point in line]
    right, top = max(x for x, _ in points), max(y for _, y in points) or 1.0
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="11">',
             f'<path d="M{margin},{margin} V{height - margin} H{width - margin}" fill="none" stroke="#333"/>',
             f'<text x="{width - margin}" y="{height - 20}" text-anchor="end">{right:.0f} views</text><text x="4" y="{margin}">{top:.3g}</text>']
    for i, (name, line) in enumerate(lines.items()):
        colour = COLOURS[i % len(COLOURS)]
        spots = " ".join(f"{margin + (width - 2 * margin) * x / right:.1f},{height - margin - (height - 2 * margin) * y / top:.1f}" for x, y in line)
        parts += [f'<polyline points="{spots}" fill="none" stroke="{colour}"/>',
                  f'<text x="{margin + 8 + 110 * i}" y="20" fill="{colour}">{name} {line[-1][1]:.3g}</text>']
    return "\n".join(parts + ["</svg>\n"])
