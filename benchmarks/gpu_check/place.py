"""Where programs and data lie: in a source tree with a build, or in the bundle, which has the same folders and `bin`."""
import os
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Place:
    root: Path
    programs: Path

    @classmethod
    def find(cls, build=None):
        if build:
            return cls(ROOT, Path(build).resolve())
        return cls(ROOT, next((ROOT / name for name in ("bin", "build") if (ROOT / name).is_dir()), ROOT / "bin"))

    def program(self, name):
        """The path, or None."""
        path = self.programs / name
        return path if os.access(path, os.X_OK) else None

    @property
    def library_folders(self):
        return [folder for folder in (self.root / "lib", self.programs / "lib") if folder.is_dir()]

    @property
    def photo(self):
        return self.root / "tests/data/photos/china.jpg"

    @property
    def small_photo(self):
        return self.root / "tests/data/goldens/china-small.png"

    @property
    def demo_model(self):
        return self.root / "weights/demo/demo-clip.sclip"
