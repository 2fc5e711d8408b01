"""Batches of a stream: tried again while a service is away, and divided where one image fails them all."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.ports import Entry, Indexed
from servicekit import deadline
from servicekit.errors import DeadlineExceeded, Internal, InvalidArgument, ServiceError, Unavailable

_FIRST_WAIT_SECONDS = 0.1
_LONGEST_WAIT_SECONDS = 5.0


class BatchIndexer(Protocol):
    """Indexes one batch: see Indexer.index."""

    async def index(self, collection: str, entries: Sequence[Entry]) -> list[Indexed]:
        """Say what became of each image, in order."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one attempt may take, and for how long a batch is tried again, both in seconds."""

    attempt_seconds: float
    patience_seconds: float


class PersistentIndexer:
    """Indexes batches whatever becomes of the services behind it."""

    def __init__(self, indexer: BatchIndexer, patience: Patience) -> None:
        self._indexer = indexer
        self._patience = patience

    async def index(self, collection: str, entries: Sequence[Entry]) -> list[Indexed]:
        """Say what became of each image, in order; where patience ended, it is the last error.

        Raises:
            ServiceError: nothing can be indexed, such as COLLECTION_NOT_FOUND.
        """
        try:
            return await self._patiently(collection, entries)
        except (Unavailable, DeadlineExceeded) as error:
            return [_failed(entry, error) for entry in entries]
        except (InvalidArgument, Internal) as error:
            if len(entries) == 1:
                return [_failed(entries[0], error)]
        middle = len(entries) // 2
        return [
            *await self.index(collection, entries[:middle]),
            *await self.index(collection, entries[middle:]),
        ]

    async def _patiently(self, collection: str, entries: Sequence[Entry]) -> list[Indexed]:
        now = asyncio.get_running_loop().time
        give_up_at = now() + self._patience.patience_seconds
        wait_seconds = _FIRST_WAIT_SECONDS
        while True:
            try:
                async with deadline.limit(deadline.remaining(self._patience.attempt_seconds)):
                    return await self._indexer.index(collection, entries)
            except (Unavailable, DeadlineExceeded) as error:
                # Spread out, so that the streams that lost a service do not all come back at once.
                pause = max(wait_seconds, error.retry_after_seconds or 0.0) * random.uniform(1.0, 1.5)  # noqa: S311 no secret
                if now() + pause >= give_up_at:
                    raise
            await asyncio.sleep(pause)
            wait_seconds = min(_LONGEST_WAIT_SECONDS, 2 * wait_seconds)


def _failed(entry: Entry, error: ServiceError) -> Indexed:
    return Indexed(entry.image_id, "", error=error)
