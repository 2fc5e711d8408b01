"""Indexing streams: batches are formed as images come, several are under way, and an answer says what is durable."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from gateway.events import Backoff, Bounds, Event, Item
from gateway.persistence import BatchIndexer
from gateway.stream import Stream


class Ingest:
    """Serves streams. All of them together have at most `batches` batches under way."""

    def __init__(self, indexer: BatchIndexer, bounds: Bounds, *, batches: int, draining: asyncio.Event) -> None:
        self._indexer = indexer
        self._bounds = bounds
        self._batches = batches
        self._places = asyncio.Semaphore(batches)
        self._draining = draining

    async def run(self, items: AsyncIterator[Item]) -> AsyncGenerator[Event]:
        """Index the items and yield what became of each, in the order in which that is known.

        Reading stops while too much is unanswered, so memory is bounded whatever the caller does.

        Raises:
            InvalidField: the first item names no collection.
            ServiceError: nothing can be indexed, such as COLLECTION_NOT_FOUND.
        """
        yield Backoff(self._bounds.window_images)
        stream = Stream(self._indexer, self._bounds, self._places)
        stream.start(items, self._batches, self._draining)
        try:
            while (event := await stream.next()) is not None:
                yield event
                stream.told(event)
        finally:
            await stream.stop()
