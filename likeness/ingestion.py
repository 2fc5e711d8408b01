"""What is under way on one IngestImages stream."""

import asyncio
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator

from likeness import results
from likeness.entries import Entry, require_entry, require_sendable
from likeness.errors import LikenessError
from likeness.v1 import image_search_pb2 as pb

Answer = tuple[Entry, results.Indexed]


class Ingestion:
    """Numbers entries as they are sent, and finds them again as they are answered. Memory holds what is unanswered."""

    def __init__(self, collection: str) -> None:
        self._collection = collection
        self._unanswered: dict[str, Entry] = {}
        self._refused: deque[Answer] = deque()
        self._problem: Exception | None = None

    def requests(self, entries: Iterable[Entry]) -> Iterator[pb.IngestImagesRequest]:
        """Yield a message for each entry. What goes wrong here is kept for `rest`: gRPC would only end the call."""
        try:
            for number, entry in enumerate(entries):
                yield from self._request(str(number), entry)
        except Exception as problem:  # noqa: BLE001 raised again where the caller is
            self._problem = problem

    async def requests_async(
        self, entries: Iterable[Entry] | AsyncIterable[Entry]
    ) -> AsyncIterator[pb.IngestImagesRequest]:
        """Yield the same on an event loop. Pictures, and entries that come without one, are read in threads."""
        if isinstance(entries, AsyncIterable):
            requests = self._from_async(entries)
        else:
            requests = _in_threads(self.requests(entries))
        async for request in requests:
            yield request

    def answers(self, event: pb.IngestImagesResponse) -> Iterator[Answer]:
        """Yield what an event settles, and the entries that could not even be sent."""
        yield from self._unsent()
        if event.HasField("result"):
            yield self._unanswered.pop(event.item_id), results.indexed(event.result)

    def rest(self) -> Iterator[Answer]:
        """Yield, once the stream has ended, the last entries that could not be sent.

        Raises:
            LikenessError: DRAINING, the server went before all was answered.
            Exception: what the entries themselves raised.
        """
        yield from self._unsent()
        if self._problem:
            raise self._problem
        if self._unanswered:
            message = f"the server went and left {len(self._unanswered)} images unanswered; sending all again is safe"
            raise LikenessError("UNAVAILABLE", "DRAINING", message)

    async def _from_async(self, entries: AsyncIterable[Entry]) -> AsyncIterator[pb.IngestImagesRequest]:
        number = 0
        try:
            async for entry in entries:
                for request in await asyncio.to_thread(list, self._request(str(number), entry)):
                    yield request
                number += 1
        except Exception as problem:  # noqa: BLE001 raised again where the caller is
            self._problem = problem

    def _request(self, number: str, entry: Entry) -> Iterator[pb.IngestImagesRequest]:
        try:
            message = require_entry("an entry", entry).message()
            request = pb.IngestImagesRequest(collection=self._collection, entry=message, item_id=number)
            require_sendable(request)
        except LikenessError as error:
            self._refused.append((entry, results.Indexed(entry.image_id, error=error)))
            return
        self._unanswered[number] = entry
        yield request

    def _unsent(self) -> Iterator[Answer]:
        while self._refused:
            yield self._refused.popleft()


async def _in_threads(requests: Iterator[pb.IngestImagesRequest]) -> AsyncIterator[pb.IngestImagesRequest]:
    while (request := await asyncio.to_thread(next, requests, None)) is not None:
        yield request
