"""Our side: one IngestImages stream."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.load import connected
from benchmarks.sides import Pictures, entry
from likeness.v1 import image_search_pb2, image_search_pb2_grpc

_CREATED = image_search_pb2.IndexResult.OUTCOME_CREATED
_STREAM_SECONDS = 600.0


@dataclass(frozen=True)
class Ingest(Pictures):
    """Sends photographs as fast as the gateway takes them, and reads until each is acknowledged."""

    def ingest(self, numbers: Sequence[int]) -> float:
        """Send the photographs with these numbers and return how many a second were durable."""
        return asyncio.run(self._ingested(numbers))

    async def _ingested(self, numbers: Sequence[int]) -> float:
        messages = [self._message(number) for number in numbers]
        async with connected(self.address) as channel:
            stub = image_search_pb2_grpc.ImageSearchServiceStub(channel)
            started = time.perf_counter()
            events = stub.IngestImages(iter(messages), timeout=_STREAM_SECONDS)
            done = sum([self._done(event) async for event in events])
            elapsed = time.perf_counter() - started
        if done != len(messages):
            raise RuntimeError(f"{len(messages) - done} photographs were not acknowledged")
        return done / elapsed

    def _message(self, number: int) -> image_search_pb2.IngestImagesRequest:
        return image_search_pb2.IngestImagesRequest(
            collection=self.collection, entry=entry(self, number), item_id=str(number)
        )

    def _done(self, event: image_search_pb2.IngestImagesResponse) -> bool:
        return event.HasField("result") and event.result.outcome == _CREATED
