"""One stream of images: a reader that fills the backlog, a dispatcher that empties it, and what they have to say."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gateway import hashes
from gateway.backlog import Backlog, Work
from gateway.changes import Changes
from gateway.events import Acknowledged, Backoff, Bounds, Draining, Event, Item
from gateway.persistence import BatchIndexer
from gateway.ports import Entry, Indexed
from gateway.window import Window
from servicekit.errors import InvalidField, invalid_field

MAX_ITEM_ID_CHARS = 128


class Stream:
    """Indexes the items of one stream; a batch is under way while it holds one of `places`, which all streams share."""

    def __init__(self, indexer: BatchIndexer, bounds: Bounds, places: asyncio.Semaphore) -> None:
        self._indexer = indexer
        self._bounds = bounds
        self._places = places
        self._window = Window(items=bounds.window_images, size_bytes=bounds.window_bytes)
        self._backlog = Backlog(batch_images=bounds.batch_images, batch_bytes=bounds.batch_bytes)
        self._events: asyncio.Queue[Event | Exception | None] = asyncio.Queue()
        self._room, self._work = Changes(), Changes()
        self._tasks: list[asyncio.Task[None]] = []
        self._collection = ""
        self._reading = True
        self._under_way = 0

    def start(self, items: AsyncIterator[Item], workers: int, draining: asyncio.Event) -> None:
        """Begin to read, and to index with so many batches at once."""
        reader = self._spawn(self._read(items))
        batches = [self._spawn(self._index_batches()) for _ in range(workers)]
        self._spawn(self._drain(draining, reader))
        self._spawn(self._finish(batches))

    async def stop(self) -> None:
        """Give up whatever is not done."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def next(self) -> Event | None:
        """Return what there is to say next, None at the end.

        Raises:
            ServiceError: the stream failed.
        """
        event = await self._events.get()
        if isinstance(event, Exception):
            raise event
        return event

    def told(self, event: Event) -> None:
        """Note that the caller has taken an event: what it is about does not count as unanswered any more."""
        if isinstance(event, Acknowledged):
            self._window.leave(event.size_bytes)
            self._room.announce()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        self._tasks.append(asyncio.create_task(self._reported(work)))
        return self._tasks[-1]

    async def _reported(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 `next` raises it
            self._events.put_nowait(error)

    async def _read(self, items: AsyncIterator[Item]) -> None:
        async for item in items:
            await self._accept(item)
            await self._room.until(lambda: self._window.open)
        self._end_reading()

    async def _drain(self, draining: asyncio.Event, reader: "asyncio.Task[None]") -> None:
        await draining.wait()
        reader.cancel()
        self._events.put_nowait(Draining())
        self._backlog.clear()
        self._end_reading()

    async def _finish(self, batches: Sequence["asyncio.Task[None]"]) -> None:
        await asyncio.wait(batches)
        self._events.put_nowait(None)

    def _end_reading(self) -> None:
        self._reading = False
        self._work.announce()

    async def _accept(self, item: Item) -> None:
        """Take an item on, or answer at once what is wrong with it."""
        self._collection = self._collection or item.collection
        if not self._collection:
            raise invalid_field("collection", "must be named by the first message")
        size_bytes = len(item.entry.picture.content) if item.entry else 0
        if self._window.enter(size_bytes):
            self._events.put_nowait(Backoff(self._bounds.window_images))
        problem = self._problem_of(item)
        if item.entry is None or problem:
            self._events.put_nowait(Acknowledged(item.item_id, Indexed("", "", error=problem), size_bytes))
            return
        self._backlog.add(Work(item.item_id, await _identified(item.entry), size_bytes))
        if self._due():
            self._work.announce()

    def _problem_of(self, item: Item) -> InvalidField | None:
        if len(item.item_id) > MAX_ITEM_ID_CHARS:
            return invalid_field("item_id", f"has at most {MAX_ITEM_ID_CHARS} characters")
        if item.entry is None:
            return invalid_field("entry", "is missing")
        if item.collection not in ("", self._collection):
            return invalid_field("collection", "a stream is about the collection that its first message names")
        return None

    async def _index_batches(self) -> None:
        while not self._over():
            await self._work.until(lambda: self._due() or self._over())
            async with self._places:
                if self._due():
                    await self._index_batch()

    def _due(self) -> bool:
        """Say whether to form a batch: of less than a whole one only where there is nothing to wait for."""
        idle = not self._reading or not self._under_way
        return self._backlog.full or (self._backlog.startable and idle)

    def _over(self) -> bool:
        return not self._reading and self._backlog.empty and not self._under_way

    async def _index_batch(self) -> None:
        self._under_way += 1
        batch: Sequence[Work] = ()
        try:
            await self._linger()
            batch = self._backlog.take()
            await self._index(batch)
        finally:
            self._under_way -= 1
            self._backlog.done(batch)
            self._work.announce()

    async def _linger(self) -> None:
        """Let images that are on their way join the batch."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._bounds.linger_seconds):
                await self._work.until(lambda: self._backlog.full or not self._reading)

    async def _index(self, batch: Sequence[Work]) -> None:
        entries = [replace(work.entry, position=i) for i, work in enumerate(batch)]
        results = await self._indexer.index(self._collection, entries) if entries else []
        for i, (work, indexed) in enumerate(zip(batch, results, strict=True)):
            self._events.put_nowait(Acknowledged(work.item_id, _placed(f"entries[{i}]", indexed), work.size_bytes))


def _placed(place: str, indexed: Indexed) -> Indexed:
    """Return a result whose error, if it has one, names the field as a message of a stream has it."""
    return replace(indexed, error=indexed.error.relocated(place, "entry")) if indexed.error else indexed


async def _identified(entry: Entry) -> Entry:
    """Return the entry with the id that an empty one stands for: one content twice is one id twice."""
    if entry.image_id:
        return entry
    (sha256,) = await hashes.of_pictures([entry.picture])
    return replace(entry, image_id=sha256)
