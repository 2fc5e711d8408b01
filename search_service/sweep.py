"""Works off what writes leave behind: replaced rows, rows of writers that died, collections that were deleted."""

import asyncio

import structlog

from search_service.catalogue import uid_of
from search_service.guard import Guard
from search_service.lease import Lease, Turn
from search_service.ports import CollectionNotFound
from search_service.ports_repair import MaintenanceRunning, RepairRecords, RepairVectors
from search_service.recorder import SILENT, Recorder
from search_service.values import Collection
from servicekit.errors import ServiceError

_BATCH = 500
_log = structlog.get_logger()


class Sweeper:
    """Costs what is half done, not what is stored. Every step can be repeated, so one that dies is made good."""

    def __init__(
        self,
        records: RepairRecords,
        vectors: RepairVectors,
        guard: Guard,
        lease: Lease,
        *,
        interval_seconds: float,
        retention_seconds: float,
        horizon_seconds: float,
        recorder: Recorder = SILENT,
    ) -> None:
        self._records = records
        self._vectors = vectors
        self._guard = guard
        self._lease = lease
        self._interval = interval_seconds
        self._retention = retention_seconds
        self._horizon = horizon_seconds
        self._recorder = recorder

    async def run(self) -> None:
        """Sweep at every interval, until cancelled; not while another holds the lease."""
        while True:
            await asyncio.sleep(self._interval)
            try:
                await self._guard.look()
                await self.sweep()
            except MaintenanceRunning:
                continue
            except ServiceError as error:
                self._recorder.sweep_failed()
                _log.warning("sweep postponed", problem=error.message)

    async def sweep(self, *, patient: bool = False) -> int:
        """Work off everything there is now and return how many rows' keys went.

        Replaced rows are left alone while a search that has read their records may yet want them. Intents, and
        collections to be cleared away, are left alone until they are older than the longest write.

        Raises:
            MaintenanceRunning: another holds the lease.
            LeaseLost: another may have it now.
        """
        async with self._lease.held("sweep", patient=patient) as turn:
            dropped = await self._records.dropped(self._horizon)
            for each in dropped:
                await self._clear(each, turn)
            await self._drop_retired(turn)
            collections = await self._records.collections()
            self._guard.keep_to({collection.uid for collection in [*collections, *dropped]})
            rows = sum([await self._sweep(collection, turn) for collection in collections])
            self._recorder.swept(rows)
            return rows

    async def _sweep(self, collection: Collection, turn: Turn) -> int:
        try:
            return await self._work_off(collection, turn)
        except CollectionNotFound:
            # It was deleted meanwhile: what is left of it goes as a whole.
            return 0

    async def _work_off(self, collection: Collection, turn: Turn) -> int:
        named = await self._records.named(collection.uid)
        if (named.unfinished or self._guard.doubts(collection)) and await self._guard.refuses(collection):
            return 0
        expired = await self._expire(collection, turn)
        self._recorder.expired(expired)
        if expired:
            _log.info("unfinished writes worked off", collection=collection.name, rows=expired)
        swept = 0
        while keys := await self._records.garbage(collection.uid, self._retention, _BATCH):
            turn.require()
            # Read after the garbage, so that it names every space that these rows were written to.
            for binding in (await self._records.collection(collection.name)).bindings:
                await self._vectors.delete(binding.space, keys)
            await self._records.forget(collection.uid, keys)
            swept += len(keys)
        return swept

    async def _expire(self, collection: Collection, turn: Turn) -> int:
        """Work off all intents and tombstones that are old enough, and return how many intents there were."""
        intents, full = 0, True
        while full:
            turn.require()
            expired = await self._records.expire(collection.uid, self._horizon, _BATCH)
            intents += expired.intents
            full = _BATCH in expired
        return intents

    async def _drop_retired(self, turn: Turn) -> None:
        """Drop the spaces of models that went, once no search and no write that knew them is left."""
        while spaces := await self._records.retired(self._horizon, _BATCH):
            turn.require()
            for space in spaces:
                await self._vectors.drop(space)
            await self._records.forget_spaces(spaces)

    async def _clear(self, collection: Collection, turn: Turn) -> None:
        if await self._guard.refuses(collection):
            return
        turn.require()
        spaces = {binding.space for binding in collection.bindings}
        spaces |= {space for space in await self._vectors.space_names() if uid_of(space) == collection.uid}
        for space in sorted(spaces):
            await self._vectors.drop(space)
        await self._records.clear(collection)
        _log.info("deleted collection cleared away", collection=collection.name)
