"""Requests that were answered before are answered again, and not carried out again."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace

from gateway import hashes
from gateway.indexing import Indexer
from gateway.ports import Entry, Indexed, Search
from servicekit.errors import Aborted, DeadlineExceeded, Internal, Unavailable, invalid_field

_PASSING = (Aborted, DeadlineExceeded, Internal, Unavailable)
"""Errors that trying again may mend: an answer with one of these is not kept."""


class ReplayingIndexer:
    """Indexes, once for each request id."""

    def __init__(self, indexer: Indexer, search: Search) -> None:
        self._indexer = indexer
        self._search = search

    async def index(
        self, collection: str, entries: Sequence[Entry], request_id: str, body: Callable[[], bytes]
    ) -> list[Indexed]:
        """Index images, or return the answer that the same request had; see Indexer.index.

        Args:
            collection: The collection's name.
            entries: The images.
            request_id: A UUID, or empty: then nothing is kept.
            body: Gives bytes that are the same for the same request, its id apart.

        Raises:
            InvalidField: `request_id` is no UUID, or was used with another body.
        """
        if not request_id:
            return await self._indexer.index(collection, entries)
        key, body_sha256 = _uuid(request_id), await hashes.of_body(body)
        kept = await self._search.recall(collection, key, body_sha256)
        if kept is not None:
            return kept
        # The same request again knows what it has written before its answer was lost.
        named = [replace(entry, write_id=key) for entry in entries]
        indexed = await self._indexer.index(collection, named)
        if any(isinstance(each.error, _PASSING) for each in indexed):
            return indexed
        return await self._search.keep(collection, key, body_sha256, indexed)


def _uuid(request_id: str) -> str:
    try:
        return str(uuid.UUID(request_id))
    except ValueError:
        raise invalid_field("request_id", "must be a UUID") from None
