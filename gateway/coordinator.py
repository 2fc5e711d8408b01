"""What takes both services: making collections, indexing, searching by picture."""

import asyncio
import hashlib
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from gateway.ports import (
    Answer,
    Checked,
    DuplicateId,
    Embedded,
    Embedder,
    Entry,
    Indexed,
    ModelNotFound,
    Outcome,
    Payload,
    Picture,
    Question,
    Search,
    Version,
)
from servicekit.errors import Resource, Violation, invalid_field

_MAX_ENTRIES = 64


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
        served = {model.name: model for model in await self._embedder.models()}
        for name in models:
            if name not in served:
                raise ModelNotFound(f"model {name!r} is not served", resource=Resource("model", name))
        # Here, since every name brings a fingerprint with it into the message that goes on.
        if len(set(models)) < len(models):
            raise invalid_field("collection.models", "a model is named twice")
        return await self._search.create(collection, [served[name] for name in models or served])

    async def index(self, collection: str, entries: Sequence[Entry], request_id: str) -> list[Indexed]:
        """Index images and say what became of each, in order.

        What the collection already holds is neither sent to the embedder nor written.

        Raises:
            InvalidField: the batch is empty or too large, or `request_id` is no UUID.
            DuplicateId: an id stands twice.
        """
        _require_batch(entries)
        _require_uuid(request_id)
        versions = await asyncio.to_thread(_versions, entries)
        _require_distinct(versions)
        models, known = await self._check(collection, versions)
        settled = [_settled(i, version, checked) for i, (version, checked) in enumerate(known)]
        done = {
            version.entry.position: indexed for (version, _), indexed in zip(known, settled, strict=True) if indexed
        }
        todo = [entry for entry in entries if entry.position not in done]
        done.update(await self._embed_and_write(collection, todo, models))
        # A refused picture has a hash too, and an id that may be the hash.
        for v in versions:
            i = v.entry.position
            done[i] = replace(done[i], image_id=v.image_id, content_sha256=v.content_sha256)
        return [done[entry.position] for entry in entries]

    async def search(self, question: Question) -> Answer:
        """Find look-alikes of a picture, or of an image of the collection."""
        return await self._ask(question, self._search.search)

    async def compare(self, question: Question) -> Answer:
        """Ask several models the same question and compare their lists."""
        return await self._ask(question, self._search.compare)

    async def _ask(self, question: Question, ask: Callable[[Question, Embedded | None], Awaitable[Payload]]) -> Answer:
        now = asyncio.get_running_loop().time
        started = now()
        query = await self._embed_query(question, question.picture) if question.picture else None
        embedded = now()
        found = await ask(question, query)
        ended = now()
        return Answer(found, ended - started, embedded - started, ended - embedded)

    async def _embed_query(self, question: Question, picture: Picture) -> Embedded:
        models = list(question.models) or await self._search.models_of(question.collection)
        (embedded,) = await self._embedder.embed([picture], models)
        if embedded.error:
            raise embedded.error.relocated("images[0]", "image")
        return embedded

    async def _check(
        self, collection: str, versions: Sequence[Version]
    ) -> tuple[list[str], list[tuple[Version, Checked]]]:
        if not versions:
            return await self._search.models_of(collection), []
        models, checked = await self._search.check(collection, versions)
        return models, list(zip(versions, checked, strict=True))

    async def _embed_and_write(
        self, collection: str, entries: Sequence[Entry], models: Sequence[str]
    ) -> dict[int, Indexed]:
        if not entries:
            return {}
        embedded = await self._embedder.embed([entry.picture for entry in entries], models)
        done: dict[int, Indexed] = {}
        ready: list[tuple[Version, Embedded]] = []
        for i, (entry, result) in enumerate(zip(entries, embedded, strict=True)):
            if result.error:
                error = result.error.relocated(f"images[{i}]", f"entries[{entry.position}].image")
                done[entry.position] = Indexed(entry.image_id, result.content_sha256, error=error)
            else:
                sha256 = result.content_sha256
                ready.append((Version(entry, entry.image_id or sha256, sha256), result))
        written = await self._search.upsert(collection, ready) if ready else []
        done.update((v.entry.position, indexed) for (v, _), indexed in zip(ready, written, strict=True))
        return done


def _versions(entries: Sequence[Entry]) -> list[Version]:
    """Return the entries whose bytes are here, with their hashes."""
    hashed = [(e, hashlib.sha256(e.picture.content).hexdigest()) for e in entries if e.picture.content]
    return [Version(entry, entry.image_id or sha256, sha256) for entry, sha256 in hashed]


def _settled(i: int, version: Version, checked: Checked) -> Indexed | None:
    """Return what became of an image that needs no embedding, or None."""
    if checked.error:
        error = checked.error.relocated(f"images[{i}]", f"entries[{version.entry.position}]")
        return Indexed(version.image_id, version.content_sha256, error=error)
    if checked.unchanged:
        return Indexed(version.image_id, version.content_sha256, outcome=Outcome.UNCHANGED)
    return None


def _require_batch(entries: Sequence[Entry]) -> None:
    if not 1 <= len(entries) <= _MAX_ENTRIES:
        raise invalid_field("entries", f"has {len(entries)} entries; 1 to {_MAX_ENTRIES} are taken")


def _require_uuid(request_id: str) -> None:
    try:
        uuid.UUID(request_id or str(uuid.NAMESPACE_OID))
    except ValueError:
        raise invalid_field("request_id", "must be a UUID") from None


def _require_distinct(versions: Sequence[Version]) -> None:
    counts = Counter(version.image_id for version in versions)
    for version in versions:
        if counts[version.image_id] > 1:
            field = f"entries[{version.entry.position}].image_id"
            problem = f"{version.image_id!r} stands {counts[version.image_id]} times in the batch"
            raise DuplicateId(f"{field}: {problem}", violations=[Violation(field, problem)])
