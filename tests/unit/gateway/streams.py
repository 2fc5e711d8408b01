"""Streams of images over the services' twins: their callers, and a search service that can be held up."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from gateway.events import Acknowledged, Bounds, Event, Item
from gateway.ingest import Ingest
from gateway.ports import Checked, Entry, Indexed, Outcome, Version
from servicekit.errors import ServiceError
from tests.fakes_gateway import MemorySearch, picture

BOUNDS = Bounds(batch_images=4, batch_bytes=1000, window_images=12, window_bytes=10_000, linger_seconds=0.0)
PATIENCE_SECONDS = 10


class Gated(MemorySearch):
    """Holds every batch until `gate` is set; `begun` holds each batch's ids, `failures` what calls fail with."""

    def __init__(self) -> None:
        super().__init__({"c": {}})
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun: list[list[str]] = []
        self.at_once = self.most_at_once = 0
        self.failures: list[ServiceError] = []

    async def check(self, collection: str, versions: Sequence[Version]) -> tuple[list[str], list[Checked]]:
        self.begun.append([version.image_id for version in versions])
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.gate.wait()
            if self.failures:
                raise self.failures.pop(0)
            return await super().check(collection, versions)
        finally:
            self.at_once -= 1


@dataclass
class Caller:
    """Sends items when told to and takes every answer; `sent` counts what was read of it."""

    ingest: Ingest
    events: list[Event] = field(default_factory=list)
    sent: int = 0

    def __post_init__(self) -> None:
        self._items: asyncio.Queue[Item | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._run())

    def send(self, *items: Item) -> None:
        for item in items:
            self._items.put_nowait(item)

    def finish(self) -> None:
        self._items.put_nowait(None)

    async def ended(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._task

    async def leave(self) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    @property
    def answers(self) -> dict[str, Indexed]:
        return {event.item_id: event.indexed for event in self.events if isinstance(event, Acknowledged)}

    async def _run(self) -> None:
        async with aclosing(self.ingest.run(self._read())) as events:
            async for event in events:
                self.events.append(event)

    async def _read(self) -> AsyncIterator[Item]:
        while (item := await self._items.get()) is not None:
            self.sent += 1
            yield item


def item(name: str, content: bytes | None = None, image_id: str | None = None, collection: str = "c") -> Item:
    return Item(
        f"item {name}",
        collection,
        Entry(
            0, name if image_id is None else image_id, picture(name.encode() if content is None else content), "", None
        ),
    )


async def until(true: Callable[[], bool]) -> None:
    """Let everything run until it is true; what is waited for happens in this very loop."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not true():  # noqa: ASYNC110 nobody tells
            await asyncio.sleep(0)


async def settled() -> None:
    """Let everything run that can run without anybody outside."""
    for _ in range(200):
        await asyncio.sleep(0)


async def one_is_indexed(ingest: Ingest) -> None:
    caller = Caller(ingest)
    caller.send(item("one"))
    caller.finish()
    await caller.ended()
    assert caller.answers["item one"].outcome is Outcome.CREATED
