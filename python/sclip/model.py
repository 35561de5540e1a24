"""A model on a device."""
from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from . import _sclip, batches
from .features import Features
from .images import ImageLike, pixels_of
from .result import Result
from .words import ClassesLike, class_names

_DEMO = Path(__file__).parent / "models" / "demo-clip.sclip"
_BANKS = 64  # sets of words that a model keeps ready


def load(model: str | os.PathLike[str] = "demo", *, device: str = "auto", precision: str = "auto", threads: int = 0,
         cache: str | os.PathLike[str] | None = None) -> Model:
    """Loads a .sclip file; "demo" is the small and weak model that comes with the package.

    device: "auto", "cpu", "cuda", "cuda:1"; what is named and cannot be had is an error. precision: "auto", "f32", "bf16", "f16", "fp8".
    threads: of the host, 0 for all. cache: a folder where embeddings of words are kept between runs."""
    path = _DEMO if model == "demo" and not os.path.exists("demo") else Path(model)
    return Model(path, device=device, precision=precision, threads=threads, cache=cache)


class Model:
    """Weights on a device. Any number of threads may use it at once: each call takes a session of a pool."""

    def __init__(self, path: str | os.PathLike[str], *, device: str = "auto", precision: str = "auto", threads: int = 0,
                 cache: str | os.PathLike[str] | None = None):
        self._engine = _sclip.Engine(os.fspath(path), device, precision, threads)
        self._cache = None if cache is None else os.fspath(cache)
        self._process = os.getpid()
        self._sessions: queue.SimpleQueue[_sclip.Session] = queue.SimpleQueue()
        self._banks: OrderedDict[Any, _sclip.Bank] = OrderedDict()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<sclip.Model {self._engine.model} on {self.device}, {self.precision}>"

    @property
    def name(self) -> str:
        return self._engine.model

    @property
    def licence(self) -> str:
        """Of the weights."""
        return self._engine.licence

    @property
    def sha256(self) -> str:
        """Of the file, in hexadecimal digits."""
        return self._engine.sha256

    @property
    def device(self) -> str:
        return self._engine.device

    @property
    def precision(self) -> str:
        return self._engine.precision

    @property
    def embed_dim(self) -> int:
        return self._engine.embed_dim

    def segment(self, image: ImageLike, classes: ClassesLike, *, order: str = "rgb", **options: Any) -> Result:
        """Labels of a photo.

        image: a path, bytes, Pillow's picture, or an array or tensor (H, W[, 3|4]) of 8 bits; `order` "rgb" or "bgr" says how its
        channels lie. classes: "sky; tree, trees", ["sky", "tree, trees"], {"tree": ["trees"]}, or the name of a built-in list.
        Options: config, policy, short_side, crop, stride, squash, temperature, logit_scale, prob_thd, ignore_label, area_thd,
        refine, refine_iterations, window_batch; what they mean stands in `sclip segment --help`."""
        return self.segment_batch([image], classes, order=order, **options)[0]

    def segment_batch(self, images: Sequence[ImageLike], classes: ClassesLike, *, order: str = "rgb", **options: Any) -> list[Result]:
        """Several photos in one call: their windows share forwards. Each photo's result is what it is alone."""
        bank, values = self.bank(classes), self.native_options(options)
        photos = [pixels_of(image) for image in images]
        with self.session() as session:
            found = session.segment(photos, order, bank, values)
        return [Result(native, bank, photo, order) for native, photo in zip(found, photos)]

    def segment_all(self, images: Iterable[ImageLike], classes: ClassesLike, *, batch: int = 4, progress: bool = False,
                    **options: Any) -> Iterator[tuple[ImageLike, Result]]:
        """(image, result) of each, in order, `batch` at a time; an image that cannot be read raises where it comes. With `progress`
        tqdm's bar."""
        return batches.segment_all(self, images, classes, batch, progress, options)

    def segment_folder(self, folder: str | os.PathLike[str], classes: ClassesLike, *, batch: int = 4, progress: bool = False,
                       **options: Any) -> Iterator[tuple[Path, Result]]:
        """(path, result) of every picture of a folder and those in it, in the order of their names."""
        return batches.segment_folder(self, folder, classes, batch, progress, options)

    def logits(self, image: ImageLike, classes: ClassesLike, *, order: str = "rgb", **options: Any) -> NDArray[np.float32]:
        """(K, H, W): the cosine of every word at every pixel, before scale and softmax."""
        bank, values = self.bank(classes), self.native_options(options)
        with self.session() as session:
            planes: NDArray[np.float32] = session.logits(pixels_of(image), order, bank, values)
        return planes

    def features(self, image: ImageLike, *, order: str = "rgb", **options: Any) -> Features:
        """Runs the image tower and keeps what it found: `features.segment(words)` then answers in milliseconds."""
        photo = pixels_of(image)
        with self.session() as session:
            native = session.read(photo, order, self.native_options(options))
        return Features(self, native, photo, order, options)

    def embed_text(self, texts: str | Sequence[str], *, truncate: bool = False) -> NDArray[np.float32]:
        """Unit vectors (texts, E), or (E) of a single text; no template is applied."""
        single = isinstance(texts, str)
        with self.session() as session:
            found: NDArray[np.float32] = session.embed_texts([texts] if isinstance(texts, str) else list(texts), self.embed_dim, truncate)
        return found[0] if single else found

    def embed_image(self, image: ImageLike, *, order: str = "rgb") -> NDArray[np.float32]:
        """(E), unit length: CLIP's own embedding of the photo."""
        with self.session() as session:
            found: NDArray[np.float32] = session.embed_image(pixels_of(image), order, self.embed_dim)
        return found

    def classify(self, image: ImageLike, classes: ClassesLike, *, order: str = "rgb", logit_scale: float | None = None) -> dict[str, float]:
        """The probability of each class for the photo as a whole."""
        bank = self.bank(classes)
        with self.session() as session:
            found = session.classify(pixels_of(image), order, bank, logit_scale or 0.0)
        return dict(zip(bank.class_names, found.tolist()))

    def trim(self) -> None:
        """Gives back the memory kept for later calls."""
        with self._lock:
            self._banks.clear()
        with contextlib.suppress(queue.Empty):
            while True:
                self._sessions.get_nowait().trim()

    def bank(self, classes: ClassesLike) -> _sclip.Bank:
        """The embeddings of words; the latest sets are kept."""
        self._check_process()
        names = None if isinstance(classes, str) else class_names(classes)
        key = classes if isinstance(classes, str) else tuple(map(tuple, names or []))
        with self._lock:
            if key in self._banks:
                self._banks.move_to_end(key)
                return self._banks[key]
        if names is not None:
            bank = _sclip.Bank(self._engine, names, cache_folder=self._cache)
        elif isinstance(classes, str) and classes in _BUILTIN:
            bank = _sclip.Bank.builtin(self._engine, classes, cache_folder=self._cache)
        else:
            bank = _sclip.Bank.parse(self._engine, str(classes), cache_folder=self._cache)
        with self._lock:
            self._banks[key] = bank
            while len(self._banks) > _BANKS:
                self._banks.popitem(last=False)
        return bank

    def native_options(self, options: dict[str, Any]) -> _sclip.Options:
        out = _sclip.Options()
        for name, value in options.items():
            if name.startswith("_") or not hasattr(out, name):
                known = ", ".join(n for n in dir(_sclip.Options) if not n.startswith("_"))
                raise TypeError(f"there is no option '{name}': the options are {known}")
            setattr(out, name, value)
        return out

    @contextlib.contextmanager
    def session(self) -> Iterator[_sclip.Session]:
        """A session of the pool, for one thread."""
        self._check_process()
        try:
            session = self._sessions.get_nowait()
        except queue.Empty:
            session = _sclip.Session(self._engine)
        try:
            yield session
        finally:
            self._sessions.put(session)

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            raise RuntimeError(f"this model was loaded by process {self._process} and is used by its fork {os.getpid()}, which has none of "
                               "its threads: load a model in each process (multiprocessing's start method 'spawn')")


_BUILTIN = {"voc21", "voc20", "context60", "context59", "coco_object", "coco_stuff", "ade20k", "cityscapes"}
