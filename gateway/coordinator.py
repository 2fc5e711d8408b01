"""What takes both services: making collections, searching by picture."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from gateway import hashes
from gateway.ports import Answer, Embedded, Embedder, Model, ModelNotFound, Payload, Picture, Question, Search
from servicekit.errors import FailedPrecondition, NotFound, Resource, ServiceError, invalid_field

# How often a picture is embedded anew because a model that its collection had went meanwhile, or is built anew.
_CHANGES = 3
_CHANGED = ("MODEL_NOT_FOUND", "INDEX_INCOMPLETE")

Ask: TypeAlias = Callable[[Question, Embedded | None], Awaitable[Payload]]


class Coordinator:
    """Asks the embedder for vectors and the search service for everything else."""

    def __init__(self, embedder: Embedder, search: Search) -> None:
        self._embedder = embedder
        self._search = search

    async def create_collection(self, collection: Payload, models: Sequence[str]) -> Payload:
        """Make a collection with these models, or with all that the embedder serves.

        Raises:
            ModelNotFound: the embedder does not serve one of them.
            InvalidField: one is named twice.
        """
        # Here, since every name brings a fingerprint with it into the message that goes on.
        if len(set(models)) < len(models):
            raise invalid_field("collection.models", "a model is named twice")
        return await self._search.create(collection, await self._served(models))

    async def add_model(self, collection: str, model: str) -> Payload:
        """Give a collection one more model, of the version that the embedder serves.

        Raises:
            ModelNotFound: the embedder does not serve it.
        """
        (served,) = await self._served([model])
        return await self._search.add_model(collection, served)

    async def _served(self, models: Sequence[str]) -> list[Model]:
        """Return these models, or all if none is named."""
        served = {model.name: model for model in await self._embedder.models()}
        for name in models:
            if name not in served:
                raise _not_served(name)
        return [served[name] for name in models or served]

    async def search(self, question: Question) -> Answer:
        """Find look-alikes of a picture, or of an image of the collection."""
        return await self._ask(question, self._search.search)

    async def compare(self, question: Question) -> Answer:
        """Ask several models the same question and compare their lists."""
        return await self._ask(question, self._search.compare)

    async def _ask(self, question: Question, ask: Ask) -> Answer:
        now = asyncio.get_running_loop().time
        started = now()
        query = _Query(None)
        if question.picture is not None:
            found, query = await self._ask_by_picture(question, question.picture, ask)
        else:
            found = await ask(question, None)
        total_seconds = now() - started
        return Answer(found, total_seconds, query.seconds, total_seconds - query.seconds, query.failed)

    async def _ask_by_picture(self, question: Question, picture: Picture, ask: Ask) -> tuple[Payload, "_Query"]:
        """Return the answer, and what was asked: the stored vectors where the collection has them."""
        (sha256,) = await hashes.of_pictures([picture])
        return await self._ask_by_content(question, picture, ask, sha256, _CHANGES)

    async def _ask_by_content(
        self, question: Question, picture: Picture, ask: Ask, sha256: str, changes: int
    ) -> tuple[Payload, "_Query"]:
        """See `_ask_by_picture`; where no models are named, do it anew, at most `changes` times, when they change."""
        models, known = await self._known(question.collection, sha256)
        if known:
            query = _Query(Embedded.stored(sha256))
            try:
                return await ask(question, query.embedded), query
            except NotFound as error:
                # The image that had them went in the meantime.
                if error.code_reason != "IMAGE_NOT_FOUND":
                    raise
        query = await self._query(picture, question, list(question.models) or models)
        try:
            return await ask(question, query.embedded), query
        except (NotFound, FailedPrecondition) as error:
            if question.models or not changes or error.code_reason not in _CHANGED:
                raise
        found, last = await self._ask_by_content(question, picture, ask, sha256, changes - 1)
        return found, replace(last, seconds=query.seconds + last.seconds)

    async def _known(self, collection: str, sha256: str) -> tuple[Sequence[str], bool]:
        """Return the collection's models, and whether it has the vectors of the picture."""
        if not sha256:
            return await self._search.models_of(collection), False
        return await self._search.find(collection, sha256)

    async def _query(self, picture: Picture, question: Question, models: Sequence[str]) -> "_Query":
        """Embed a picture, with those models that are served where these will do."""
        now = asyncio.get_running_loop().time
        started = now()
        failed: dict[str, ServiceError] = {}
        try:
            embedded = await self._embedded(picture, models)
        except NotFound as error:
            served = {model.name for model in await self._embedder.models()} if question.partial else set()
            if error.code_reason != ModelNotFound.reason or served.isdisjoint(models):
                raise
            failed = {name: _not_served(name) for name in models if name not in served}
            embedded = await self._embedded(picture, [name for name in models if name in served])
        return _Query(embedded, now() - started, failed)

    async def _embedded(self, picture: Picture, models: Sequence[str]) -> Embedded:
        (embedded,) = await self._embedder.embed([picture], models)
        if embedded.error:
            raise embedded.error.relocated("images[0]", "image")
        return embedded


@dataclass(frozen=True, slots=True)
class _Query:
    """What the search service is asked with, the seconds that embedding took, and the models that are not served."""

    embedded: Embedded | None
    seconds: float = 0.0
    failed: Mapping[str, ServiceError] = field(default_factory=dict)


def _not_served(model: str) -> ModelNotFound:
    return ModelNotFound(f"model {model!r} is not served", resource=Resource("model", model))
