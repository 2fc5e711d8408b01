"""What takes both services: making collections, searching by picture."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from gateway import hashes
from gateway.ports import Answer, Embedded, Embedder, Model, ModelNotFound, Payload, Picture, Question, Search
from servicekit.errors import NotFound, Resource

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
        """
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
                raise ModelNotFound(f"model {name!r} is not served", resource=Resource("model", name))
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
        if question.picture is None:
            found, embed_seconds = await ask(question, None), 0.0
        else:
            found, embed_seconds = await self._ask_by_picture(question, question.picture, ask)
        total_seconds = now() - started
        return Answer(found, total_seconds, embed_seconds, total_seconds - embed_seconds)

    async def _ask_by_picture(self, question: Question, picture: Picture, ask: Ask) -> tuple[Payload, float]:
        """Return the answer, and the seconds that embedding took: none where the collection has the vectors."""
        now = asyncio.get_running_loop().time
        (sha256,) = await hashes.of_pictures([picture])
        models, known = await self._known(question.collection, sha256)
        if known:
            try:
                return await ask(question, Embedded.stored(sha256)), 0.0
            except NotFound as error:
                # The image that had them went in the meantime.
                if error.code_reason != "IMAGE_NOT_FOUND":
                    raise
        started = now()
        query = await self._embed_query(picture, list(question.models) or models)
        embed_seconds = now() - started
        return await ask(question, query), embed_seconds

    async def _known(self, collection: str, sha256: str) -> tuple[Sequence[str], bool]:
        """Return the collection's models, and whether it has the vectors of the picture."""
        if not sha256:
            return await self._search.models_of(collection), False
        return await self._search.find(collection, sha256)

    async def _embed_query(self, picture: Picture, models: Sequence[str]) -> Embedded:
        (embedded,) = await self._embedder.embed([picture], models)
        if embedded.error:
            raise embedded.error.relocated("images[0]", "image")
        return embedded
