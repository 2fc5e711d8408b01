"""How much of a stream is read before its answers are taken."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from embedder_service.decode_pool import DecoderPool
from embedder_service.embedding import Embedder, ImageSource
from embedder_service.registry import Registry
from embedder_service.stream import Item, Streams, Window
from servicekit import errors
from tests.unit.embedder_service.conftest import NOTHING_ALLOWED
from tests.unit.embedder_service.test_registry import open_line

WRONG = errors.invalid_field("encoding", "is none")


class Source:
    """Items that are answered at once, being wrong; it counts those that were taken."""

    def __init__(self, size_bytes: int) -> None:
        self.taken = 0
        self._content = bytes(size_bytes)

    async def items(self, count: int) -> AsyncIterator[Item]:
        for at in range(count):
            self.taken += 1
            yield Item(str(at), ImageSource(self._content), (), 0, WRONG)


@pytest.mark.parametrize(("window", "most"), [(Window(3, 10**9), 3), (Window(100, 2_500), 3), (Window(100, 1), 1)])
async def test_no_more_is_read_than_may_be_unanswered(decoder: DecoderPool, window: Window, most: int) -> None:
    source = Source(size_bytes=1000)
    streams = Streams(Embedder(Registry({}, open_line), decoder, NOTHING_ALLOWED), window, asyncio.Event())
    answers = streams.run(source.items(50))
    taken = []
    async for answer in answers:
        for _ in range(20):  # whatever could be read is read
            await asyncio.sleep(0)
        taken.append(source.taken - int(answer.item.item_id))
        assert answer.outcome is WRONG
    assert len(taken) == 50
    assert max(taken) == most
