"""What a collection knows of a picture by its hash: an image that has these bytes, and its vectors."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search_service import limits
from search_service.ports import RecordStore, VectorStore
from search_service.values import Binding, Collection, Record, RowKey, Vector


@dataclass(frozen=True, slots=True)
class Stored:
    """An image that has a content, and the content's vectors, one for each binding asked for, in order."""

    record: Record
    vectors: Sequence[Vector]


class Contents:
    """Finds the vectors of pictures that are indexed already, under whatever id."""

    def __init__(self, records: RecordStore, vectors: VectorStore) -> None:
        self._records = records
        self._vectors = vectors

    async def find(self, name: str, sha256: str) -> tuple[Collection, Record | None]:
        """Return the collection, and some image of it that has this content.

        Raises:
            CollectionNotFound: there is no such collection.
            InvalidField: the hash is none.
        """
        limits.require_sha256("content_sha256", sha256)
        collection = await self._records.collection(name)
        (holder,) = await self.holders(collection, collection.active, [sha256])
        return collection, holder

    async def holders(
        self, collection: Collection, bindings: Sequence[Binding], sha256s: Sequence[str]
    ) -> list[Record | None]:
        """Return for each content some image that has it, and a vector for every binding."""
        found = await self._records.holders(collection.uid, sha256s) if sha256s else []
        return [holder if holder and holder.covers(bindings) else None for holder in found]

    async def missing(self, collection: Collection, sha256s: Sequence[str]) -> list[Sequence[str]]:
        """Return for each content the names of the models that have no vector of it, as far as some holder knows."""
        found = await self._records.holders(collection.uid, sha256s) if sha256s else []
        return [
            [binding.model for binding in collection.bindings if not (holder and holder.covers([binding]))]
            for holder in found
        ]

    async def stored(
        self, collection: Collection, bindings: Sequence[Binding], sha256s: Sequence[str]
    ) -> Mapping[str, Stored]:
        """Return by hash what is stored of those contents that every binding has a vector of."""
        holders = [holder for holder in await self.holders(collection, bindings, sha256s) if holder is not None]
        rows = await self.rows(bindings, sorted({holder.key for holder in holders}))
        return {h.version.content_sha256: Stored(h, rows[h.key]) for h in holders if h.key in rows}

    async def rows(self, bindings: Sequence[Binding], keys: Sequence[RowKey]) -> Mapping[RowKey, Sequence[Vector]]:
        """Return one vector for each binding, in order, of every key that all of them have a row of."""
        found = await asyncio.gather(*(rows_of(self._vectors, binding, keys) for binding in bindings))
        return {key: [rows[key] for rows in found] for key in keys if all(key in rows for rows in found)}


async def rows_of(vectors: VectorStore, binding: Binding, keys: Sequence[RowKey]) -> dict[RowKey, Vector]:
    """Return the vectors of those rows that are there; what another process wrote just now may take a second look."""
    found = await vectors.fetch(binding.space, keys) if keys else {}
    if late := [key for key in keys if key not in found]:
        found |= await vectors.fetch(binding.space, late, latest=True)
    return found
