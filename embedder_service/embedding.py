"""From pictures to vectors: which models, one decoding a picture, and an error for each picture that has one."""

import asyncio
import math
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np

from embedder_service.geometry import Geometry
from embedder_service.line import Line
from embedder_service.model_card import ModelCard
from embedder_service.ports import (
    CONTENT,
    URI,
    DecodedImage,
    ImageDecoder,
    ImageTooLarge,
    Pixels,
    RunFailed,
    UriNotAllowed,
    UriReader,
    UriUnreadable,
    Vectors,
)
from embedder_service.registry import Registry
from servicekit import deadline, errors, spans

Result = TypeVar("Result")

MAX_IMAGES = 64
# Vectors shorter than this have no direction that means anything.
_MIN_LENGTH = 1e-6


@dataclass(frozen=True, slots=True)
class ImageSource:
    """One picture of a request: its bytes or its address, or neither where the caller forgot."""

    content: bytes = b""
    uri: str | None = None


@dataclass(frozen=True, slots=True)
class Embedding:
    """One model's vector of one picture."""

    card: ModelCard
    vector: Vectors
    """[card.dimension], of Euclidean length 1 within 1e-6."""


@dataclass(frozen=True, slots=True)
class EmbeddedImage:
    """A picture and its vectors, in the order of the models asked for."""

    image: DecodedImage
    embeddings: Sequence[Embedding]


Outcome = EmbeddedImage | errors.ServiceError


class Embedder:
    """Embeds pictures with any of the models that are served."""

    def __init__(self, registry: Registry, decoder: ImageDecoder, reader: UriReader) -> None:
        self._registry = registry
        self._decoder = decoder
        self._reader = reader

    async def embed(self, images: Sequence[ImageSource], names: Sequence[str]) -> list[Outcome]:
        """Return what became of each of `images`, in order, with the models `names`, or with all if there are none.

        Raises:
            InvalidField: no image, too many, or a model named twice.
            ModelNotFound: a model is not served.
            Overloaded: too many pictures are waiting already.
            DeadlineExceeded: the caller's time is over, or too little of it is left.
        """
        with self._registry.lend(names) as lines:
            if not 1 <= len(images) <= MAX_IMAGES:
                raise errors.invalid_field("images", f"has {len(images)} images; 1 to {MAX_IMAGES} are taken")
            with _admitted(lines, len(images)):
                work = [self._embed(f"images[{i}]", image, lines, bulk=False) for i, image in enumerate(images)]
                return await _all(work)

    async def embed_one(self, place: str, image: ImageSource, names: Sequence[str]) -> Outcome:
        """Do the same for one picture of a stream, after all that unary calls wait for; `place` is its field's path."""
        with self._registry.lend(names) as lines:
            return await self._embed(place, image, lines, bulk=True)

    async def _embed(self, place: str, source: ImageSource, lines: Sequence[Line], *, bulk: bool) -> Outcome:
        """Read the picture first if it comes as an address: nobody waits for a place that waits for another machine."""
        if source.uri is None:
            if not source.content:
                return errors.invalid_field(place, "has no content")
            return await self._embed_content(place, CONTENT, source.content, lines, bulk=bulk)
        try:
            async with self._reader.content(source.uri) as content:
                return await self._embed_content(place, URI, content, lines, bulk=bulk)
        except (UriNotAllowed, UriUnreadable, ImageTooLarge) as error:
            return error.relocated(URI, f"{place}.{URI}")

    async def _embed_content(
        self, place: str, field: str, content: bytes, lines: Sequence[Line], *, bulk: bool
    ) -> Outcome:
        """Wait for a place with every model, decode, and run the models side by side.

        Places are taken in the order of the models' names, whatever order they were asked for in: so never in a circle.
        """
        with _Places() as places:
            with spans.step("queue"):
                for line in sorted(lines, key=lambda line: line.card.name):
                    await places.enter(line, bulk=bulk)
            geometries = list(dict.fromkeys(line.card.preprocessing.geometry for line in lines))
            decoded = await self._decode(f"{place}.{field}", content, geometries, bulk=bulk)
            if isinstance(decoded, errors.ServiceError):
                return decoded
            pixels = [decoded.pixels[geometries.index(line.card.preprocessing.geometry)] for line in lines]
            try:
                with deadline.stage("infer"):
                    work = [places.infer(line, each, bulk=bulk) for line, each in zip(lines, pixels, strict=True)]
                    rows = await _all(work)
            except RunFailed as error:
                return errors.Internal(f"{place}: {error}")
        return _outcome(place, decoded, lines, list(map(_unit, rows)))

    async def _decode(
        self, field: str, content: bytes, geometries: Sequence[Geometry], *, bulk: bool
    ) -> DecodedImage | errors.ServiceError:
        with deadline.stage("decode"), spans.step("decode"):
            try:
                return await self._decoder.decode(content, geometries, bulk=bulk)
            except errors.InvalidArgument as error:
                return error.relocated(CONTENT, field)


class _Places:
    """The places that one picture holds: one with each of its models, until that model has done with it."""

    def __init__(self) -> None:
        self._held: list[Line] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for line in tuple(self._held):
            self._leave(line)

    async def enter(self, line: Line, *, bulk: bool) -> None:
        await line.ahead.enter(bulk=bulk)
        self._held.append(line)

    async def infer(self, line: Line, pixels: Pixels, *, bulk: bool) -> Vectors:
        vector = await line.infer(pixels, bulk=bulk)
        self._leave(line)
        return vector

    def _leave(self, line: Line) -> None:
        self._held.remove(line)
        line.ahead.leave()


@contextmanager
def _admitted(lines: Sequence[Line], count: int) -> Iterator[None]:
    with ExitStack() as queues:
        for line in lines:
            queues.enter_context(line.admit(count))
        yield


async def _all(work: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Do everything at once; where one thing fails, give up the others."""
    if len(work) == 1:
        return [await work[0]]
    tasks = [asyncio.create_task(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()


def _unit(row: Vectors) -> Vectors | None:
    """Divide a vector by its length; None for one that has no length, or none that is finite."""
    wide = row.astype(np.float64)
    length = math.sqrt(wide @ wide)
    return (wide / length).astype(np.float32) if math.isfinite(length) and length > _MIN_LENGTH else None


def _outcome(place: str, image: DecodedImage, lines: Sequence[Line], vectors: Sequence[Vectors | None]) -> Outcome:
    embeddings = [Embedding(line.card, v) for line, v in zip(lines, vectors, strict=True) if v is not None]
    if len(embeddings) == len(lines):
        return EmbeddedImage(image, embeddings)
    silent = [line.card.name for line, v in zip(lines, vectors, strict=True) if v is None]
    return errors.Internal(f"{place}: no vector came out of {', '.join(silent)}")
