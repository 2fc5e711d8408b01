"""Works off what writes leave behind: replaced rows, rows of writers that died, collections that were deleted."""

import asyncio

import structlog

from search_service.ports import Collection, RecordStore, VectorStore
from servicekit.errors import ServiceError

_BATCH = 500
_log = structlog.get_logger()


class Sweeper:
    """Costs what is half done, not what is stored. Any number may run at once: every step can be repeated."""

    def __init__(
        self,
        records: RecordStore,
        vectors: VectorStore,
        *,
        interval_seconds: float,
        retention_seconds: float,
        horizon_seconds: float,
    ) -> None:
        self._records = records
        self._vectors = vectors
        self._interval = interval_seconds
        self._retention = retention_seconds
        self._horizon = horizon_seconds

    async def run(self) -> None:
        """Sweep at every interval, until cancelled."""
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self.sweep()
            except ServiceError as error:
                _log.warning("sweep postponed", problem=error.message)

    async def sweep(self) -> int:
        """Work off everything there is now and return how many rows' keys went.

        Replaced rows are left alone while a search that has read their records may yet want them. Intents, and
        collections to be cleared away, are left alone until they are older than the longest write.
        """
        for dropped in await self._records.dropped(self._horizon):
            await self._clear(dropped)
        return sum([await self._sweep(collection) for collection in await self._records.collections()])

    async def _sweep(self, collection: Collection) -> int:
        expired = await self._records.expire(collection.uid, self._horizon, _BATCH)
        if expired:
            _log.info("unfinished writes worked off", collection=collection.name, rows=expired)
        swept = 0
        while keys := await self._records.garbage(collection.uid, self._retention, _BATCH):
            for binding in collection.bindings:
                await self._vectors.delete(binding.space, keys)
            await self._records.forget(collection.uid, keys)
            swept += len(keys)
        return swept

    async def _clear(self, collection: Collection) -> None:
        for binding in collection.bindings:
            await self._vectors.drop(binding.space)
        await self._records.clear(collection)
        _log.info("deleted collection cleared away", collection=collection.name)
