"""From pictures to vectors: which models, one decoding a picture, and an error for each picture that has one."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from embedder_service.model_card import Geometry, ModelCard
from embedder_service.ports import CONTENT, DecodedImage, ImageDecoder, Model, ModelNotFound, UriNotAllowed, Vectors
from embedder_service.roster import Roster
from servicekit import deadline, errors

MAX_IMAGES = 64
_MAX_NAME_CHARS = 64
# Vectors shorter than this have no direction that means anything.
_MIN_LENGTH = 1e-6
_RETRY_AFTER_SECONDS = 0.5


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
    """Embeds pictures with any of its models.

    Args:
        roster: The models.
        decoder: What decodes.
        max_decoding: Pictures in the decoder's hands at once; others wait here, in order, and can be given up.
        max_waiting: Pictures taken on and not yet answered, over all calls.
    """

    name = "models"

    def __init__(self, roster: Roster, decoder: ImageDecoder, *, max_decoding: int, max_waiting: int) -> None:
        self._roster = roster
        self._decoder = decoder
        self._decoding = asyncio.Semaphore(max_decoding)
        self._max_waiting = max_waiting
        self._waiting = 0

    async def check(self) -> None:
        """Raise if no model is served."""
        if not self._roster.models:
            raise errors.Unavailable("no model is served")

    def cards(self) -> list[ModelCard]:
        """Return every model's card, by name."""
        return [model.card for model in self._roster.models.values()]

    def card(self, name: str) -> ModelCard:
        """Return one model's card.

        Raises:
            ModelNotFound: it is not served.
        """
        return self._find(name).card

    async def embed(self, images: Sequence[ImageSource], names: Sequence[str]) -> list[Outcome]:
        """Return what became of each of `images`, in order, with the models `names`, or with all if there are none.

        Raises:
            InvalidField: no image, too many, or a model named twice.
            ModelNotFound: a model is not served.
            Overloaded: too many pictures are waiting already.
        """
        models = self._choose(names)
        if not 1 <= len(images) <= MAX_IMAGES:
            raise errors.invalid_field("images", f"has {len(images)} images; 1 to {MAX_IMAGES} are taken")
        geometries = list(dict.fromkeys(model.card.preprocessing.geometry for model in models))
        with self._roster.hold(models), self._places(len(images)):
            decoded = await asyncio.gather(*(self._decode(i, image, geometries) for i, image in enumerate(images)))
            readable = [image for image in decoded if isinstance(image, DecodedImage)]
            vectors = iter(await _infer(models, geometries, readable))
        return [
            _outcome(i, image, models, next(vectors)) if isinstance(image, DecodedImage) else image
            for i, image in enumerate(decoded)
        ]

    def _choose(self, names: Sequence[str]) -> list[Model]:
        if not self._roster.models:
            raise errors.Unavailable("no model is served")
        chosen = {name: self._find(name) for name in names}
        if len(chosen) < len(names):
            twice = next(i for i, name in enumerate(names) if name in names[:i])
            raise errors.invalid_field(f"models[{twice}]", f"{names[twice]} is named twice")
        return list((chosen or self._roster.models).values())

    def _find(self, name: str) -> Model:
        if name not in self._roster.models:
            shown = name[:_MAX_NAME_CHARS]
            raise ModelNotFound(f"model {shown!r} is not served", resource=errors.Resource("model", shown))
        return self._roster.models[name]

    @contextmanager
    def _places(self, count: int) -> Iterator[None]:
        if self._waiting + count > self._max_waiting:
            raise errors.Overloaded(
                f"{self._waiting} images are waiting already; the limit is {self._max_waiting}",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        self._waiting += count
        try:
            yield
        finally:
            self._waiting -= count

    async def _decode(
        self, index: int, source: ImageSource, geometries: Sequence[Geometry]
    ) -> DecodedImage | errors.ServiceError:
        path = f"images[{index}]"
        if source.uri is not None:
            return _uri_not_allowed(f"{path}.uri")
        if not source.content:
            return errors.invalid_field(path, "has no content")
        async with self._decoding:
            with deadline.stage("decode"):
                try:
                    return await self._decoder.decode(source.content, geometries)
                except errors.InvalidArgument as error:
                    return error.relocated(CONTENT, f"{path}.{CONTENT}")


def _uri_not_allowed(field: str) -> UriNotAllowed:
    problem = "is under no prefix that this server may read"
    return UriNotAllowed(f"{field}: {problem}", violations=[errors.Violation(field, problem)])


async def _infer(
    models: Sequence[Model], geometries: Sequence[Geometry], images: Sequence[DecodedImage]
) -> list[tuple[Vectors | None, ...]]:
    """Return, for each of `images`, each model's unit vector, or None where the model gave nothing of use."""
    if not images:
        return []
    places = [geometries.index(model.card.preprocessing.geometry) for model in models]
    with deadline.stage("infer"):
        batches = await asyncio.gather(
            *(model.infer([image.pixels[at] for image in images]) for model, at in zip(models, places, strict=True))
        )
    return list(zip(*map(_unit_rows, batches), strict=True))


def _unit_rows(batch: Vectors) -> list[Vectors | None]:
    """Divide each row by its length; None for one that has no length, or none that is finite."""
    lengths = np.linalg.norm(batch.astype(np.float64), axis=1)
    usable = np.isfinite(lengths) & (lengths > _MIN_LENGTH)
    units = (batch / np.where(usable, lengths, 1)[:, None]).astype(np.float32)
    return [row if good else None for row, good in zip(units, usable, strict=True)]


def _outcome(index: int, image: DecodedImage, models: Sequence[Model], vectors: Sequence[Vectors | None]) -> Outcome:
    embeddings = [Embedding(m.card, v) for m, v in zip(models, vectors, strict=True) if v is not None]
    if len(embeddings) == len(models):
        return EmbeddedImage(image, embeddings)
    silent = [m.card.name for m, v in zip(models, vectors, strict=True) if v is None]
    return errors.Internal(f"images[{index}]: no vector came out of {', '.join(silent)}")
