"""The model behind HTTP, by Ray Serve."""
from __future__ import annotations

import asyncio
import json
import os
from typing import Any, Mapping, Union

from ray import serve  # type: ignore[import-not-found, import-untyped, unused-ignore]

from .. import _sclip
from ..words import ClassesLike
from .outcomes import Outcome, Photo, Pixels, read, segment_read
from .settings import Settings, settings_of
from .statistics import classes_of

_OUTPUTS = {"json": "application/json", "mask": "image/png", "overlay": "image/png"}
_FIELDS = {"classes", "outputs", "prob_thd", "ignore_label"}
_MOST_WORDS = 1024  # as `sclip serve` has it without --max-words
_MOST_PIXELS = 33_554_432  # as it has without --max-pixels


class Refusal(Exception):
    """What a client is told, with HTTP's number for it."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(status, code, message)
        self.status, self.code, self.message = status, code, message


def deployment(classes: ClassesLike | None = None, *, model: str | os.PathLike[str] = "demo", device: str = "auto",
               precision: str = "auto", threads: int | None = None, cache: str | os.PathLike[str] | None = None, max_batch_size: int = 8,
               batch_wait_s: float = 0.002, max_body_mb: float = 64, max_pixels: int = _MOST_PIXELS,
               serve_options: Mapping[str, Any] | None = None, **options: Any) -> serve.Application:
    """An application for `serve.run`; each of its replicas loads a model.

    classes: for requests that name none. max_batch_size photos at most go into a call of the engine, and a call waits batch_wait_s for
    them at most; a photo's result is what it is alone. serve_options: of `serve.deployment`, as {"num_replicas": 4, "ray_actor_options":
    {"num_gpus": 1}}. The rest is as in `sclip.load` and `Model.segment`.

    HTTP: POST a picture file as the body. Behind the path's question mark: classes, prob_thd, ignore_label, and outputs: json (photo, classes
    with the fields of result.json, model, device), mask or overlay (PNG). Errors are {"error": {"code", "message"}}: 405 another
    method, 413 a body over max_body_mb or a photo over max_pixels by its header, 415 no picture, 422 fields that cannot work, 500 a
    fault of the device. Handles have `segment.remote(photo, classes)`, which gives what JSON has and raises Refusal.

    Words and options that can never work stop a replica from starting, with ValueError in its log."""
    settings = settings_of(classes if classes is not None else "", model, device, precision, threads, cache, max_batch_size, options)
    wanted = {"name": "sclip", "max_ongoing_requests": 4 * max_batch_size, **(serve_options or {})}
    return serve.deployment(**wanted)(Segmentation).bind(settings, batch_wait_s, int(max_body_mb * 2**20), max_pixels)


class Segmentation:
    """A replica. Ray Serve calls it from one event loop; what computes does so in a thread of its own, one call at a time, and photos
    are decoded beside it."""

    def __init__(self, settings: Settings, batch_wait_s: float, max_body: int, max_pixels: int):
        self._settings, self._max_body, self._max_pixels = settings, max_body, max_pixels
        self._model = settings.load(trial_words="a")
        self._together.set_max_batch_size(settings.together)  # type: ignore[attr-defined, unused-ignore]
        self._together.set_batch_wait_timeout_s(batch_wait_s)  # type: ignore[attr-defined, unused-ignore]

    async def __call__(self, request: Any) -> Any:
        from starlette.responses import Response  # type: ignore[import-not-found, unused-ignore]
        try:
            output, fields = self._fields_of(request)
            outcome = await self._outcome(await self._body_of(request), **fields)
            content = await asyncio.to_thread(self._encode, outcome, output)
            return Response(content, media_type=_OUTPUTS[output])
        except Refusal as refusal:
            error = {"error": {"code": refusal.code, "message": refusal.message}}
            headers = {"Allow": "POST"} if refusal.status == 405 else None
            return Response(json.dumps(error, ensure_ascii=False), refusal.status, headers, "application/json")

    async def segment(self, photo: bytes, classes: ClassesLike | None = None, *, prob_thd: float | None = None,
                      ignore_label: int | None = None) -> dict[str, Any]:
        """What the JSON answer has. Raises Refusal."""
        chosen = {name: value for name, value in (("prob_thd", prob_thd), ("ignore_label", ignore_label)) if value is not None}
        facts: dict[str, Any] = json.loads(self._encode(await self._outcome(photo, classes, **chosen), "json"))
        return facts

    async def _outcome(self, photo: bytes, classes: ClassesLike | None = None, **options: Any) -> Outcome:
        words = classes if classes is not None else self._settings.classes
        if not words:
            raise Refusal(422, "invalid", "no classes: name them, as in ?classes=sky;tree, trees")
        if isinstance(words, str) and words.count(";") + words.count(",") >= _MOST_WORDS:
            raise Refusal(422, "invalid", f"classes has more than {_MOST_WORDS} words")
        pixels = await asyncio.to_thread(self._read, photo)
        outcome: Union[Outcome, BaseException] = await self._together((pixels, words, {**self._settings.options, **options}))
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def _read(self, photo: bytes) -> Pixels:
        name = "the photo"
        try:
            width, height = _sclip.picture_size(photo, name)
        except (_sclip.Error, ValueError, MemoryError) as error:
            raise Refusal(415, "not_a_picture", str(error)) from None
        if width * height > self._max_pixels:
            raise Refusal(413, "too_large", f"the photo has {width}×{height} = {width * height} pixels; a photo may have {self._max_pixels}")
        pixels = read(Photo(name, photo))
        if isinstance(pixels, str):
            raise Refusal(415, "not_a_picture", pixels)
        return pixels

    @serve.batch  # type: ignore[untyped-decorator, unused-ignore]
    async def _together(self, asked: list[Any]) -> list[Any]:
        return await asyncio.to_thread(self._compute, asked)

    def _compute(self, asked: list[tuple[Any, ClassesLike, dict[str, Any]]]) -> list[Union[Outcome, Refusal]]:
        """Photos with the same words and options go into one call; an outcome or a Refusal for each."""
        groups: dict[str, list[int]] = {}
        for i, (_, words, options) in enumerate(asked):
            groups.setdefault(repr((words, sorted(options.items()))), []).append(i)
        answers: dict[int, Union[Outcome, Refusal]] = {}
        for members in groups.values():
            _, words, options = asked[members[0]]
            try:
                self._model.bank(words)
                outcomes = segment_read(self._model, [asked[i][0] for i in members], words, options)
                found = [o if o.error is None else Refusal(422, "invalid", o.error) for o in outcomes]
            except (ValueError, TypeError, FileNotFoundError) as error:
                found = [Refusal(422, "invalid", str(error))] * len(members)
            except (_sclip.Error, MemoryError) as error:
                found = [Refusal(500, "device", str(error))] * len(members)
            answers.update(zip(members, found))
        return [answers[i] for i in range(len(asked))]

    def _encode(self, outcome: Outcome, output: str) -> bytes:
        result = outcome.result
        assert result is not None
        if output == "mask":
            return result.mask_png()
        if output == "overlay":
            return result.overlay_png()
        model = self._model
        return json.dumps({"photo": {"width": result.width, "height": result.height}, "classes": classes_of(result),
                           "model": {"name": model.name, "sha256": model.sha256},
                           "device": {"name": model.device, "precision": model.precision}}, ensure_ascii=False).encode()

    @staticmethod
    def _fields_of(request: Any) -> tuple[str, dict[str, Any]]:
        if request.method != "POST":
            raise Refusal(405, "method", f"{request.method} is not served here: POST a picture")
        given = dict(request.query_params)
        if unknown := sorted(set(given) - _FIELDS):
            raise Refusal(422, "invalid", f"there is no field '{unknown[0]}': the fields are {', '.join(sorted(_FIELDS))}")
        output = given.pop("outputs", "json")
        if output not in _OUTPUTS:
            raise Refusal(422, "invalid", f"outputs is '{output}': it is one of {', '.join(_OUTPUTS)}")
        fields: dict[str, Any] = {}
        for name, value in given.items():
            kind = {"prob_thd": float, "ignore_label": int}.get(name, str)
            try:
                fields[name] = kind(value)
            except ValueError:
                raise Refusal(422, "invalid", f"{name} is '{value}', which is no number") from None
        return output, fields

    async def _body_of(self, request: Any) -> bytes:
        """The whole body, or as much of it as shows that it is too long."""
        pieces, size = [], 0
        async for piece in request.stream():
            size += len(piece)
            if size > self._max_body:
                raise Refusal(413, "too_large", f"the body has more than {self._max_body} bytes")
            pieces.append(piece)
        return b"".join(pieces)
