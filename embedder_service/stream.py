"""A stream of images: read as fast as they are embedded, answered as each is done."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass

from embedder_service.embedding import Embedder, ImageSource, Outcome
from servicekit import errors

_PLACE = "image"


@dataclass(frozen=True, slots=True)
class Item:
    """One message of a stream: the caller's name for it, the picture, the models; or what is wrong with it."""

    item_id: str
    image: ImageSource
    models: Sequence[str]
    encoding: int
    problem: errors.ServiceError | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an item."""

    item: Item
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Window:
    """How much of one stream may be unanswered; one item always may."""

    images: int
    size_bytes: int


class Streams:
    """Serves streams, behind all calls that are waited for.

    Args:
        embedder: What embeds.
        window: Of each stream.
        draining: Set once streams are to end.
    """

    def __init__(self, embedder: Embedder, window: Window, draining: asyncio.Event) -> None:
        self._embedder = embedder
        self._window = window
        self._draining = draining

    async def run(self, items: AsyncIterator[Item]) -> AsyncGenerator[Answer]:
        """Yield an answer for each item, in the order in which they are done.

        Reading stops while too much is unanswered, so memory is bounded whatever the caller sends.

        Raises:
            Draining: the server is going. All that was read is answered; what was not is the next server's.
        """
        stream = _Stream(self._embedder, self._window)
        stream.start(items, self._draining)
        try:
            while (answer := await stream.next()) is not None:
                yield answer
                stream.told(answer)
        finally:
            await stream.stop()
        if self._draining.is_set():
            raise errors.Draining("this server is going; images without an answer are for another one")


class _Stream:
    """One stream: a reader, a task for each item under way, and the answers that are ready."""

    def __init__(self, embedder: Embedder, window: Window) -> None:
        self._embedder = embedder
        self._window = window
        self._answers: asyncio.Queue[Answer | Exception | None] = asyncio.Queue()
        self._under_way: set[asyncio.Task[None]] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._room = asyncio.Event()
        self._images = self._bytes = 0

    def start(self, items: AsyncIterator[Item], draining: asyncio.Event) -> None:
        """Begin to read, until there is no more or `draining` is set."""
        reader = asyncio.create_task(self._read(items))
        self._tasks = [reader, asyncio.create_task(_cancel_once(draining, reader))]
        reader.add_done_callback(lambda _: self._tasks.append(asyncio.create_task(self._finish())))

    async def stop(self) -> None:
        """Give up whatever is not done."""
        tasks = [*self._tasks, *self._under_way]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def next(self) -> Answer | None:
        """Return the next answer, None after the last.

        Raises:
            ServiceError: the stream failed.
        """
        answer = await self._answers.get()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def told(self, answer: Answer) -> None:
        """Note that the caller has taken an answer: its item does not count as unanswered any more."""
        self._images -= 1
        self._bytes -= len(answer.item.image.content)
        self._room.set()

    async def _read(self, items: AsyncIterator[Item]) -> None:
        try:
            async for item in items:
                self._images += 1
                self._bytes += len(item.image.content)
                task = asyncio.create_task(self._answer(item))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
                await self._until_room()
        except Exception as error:  # noqa: BLE001 `next` raises it
            self._answers.put_nowait(error)

    async def _until_room(self) -> None:
        while self._images >= self._window.images or self._bytes >= self._window.size_bytes:
            self._room.clear()
            await self._room.wait()

    async def _answer(self, item: Item) -> None:
        try:
            outcome = item.problem or await self._embedder.embed_one(_PLACE, item.image, item.models)
        except errors.ServiceError as error:
            outcome = error
        except Exception as error:  # noqa: BLE001 `next` raises it
            self._answers.put_nowait(error)
            return
        self._answers.put_nowait(Answer(item, outcome))

    async def _finish(self) -> None:
        while self._under_way:
            await asyncio.wait(tuple(self._under_way))
        self._answers.put_nowait(None)


async def _cancel_once(event: asyncio.Event, task: "asyncio.Task[None]") -> None:
    await event.wait()
    task.cancel()
