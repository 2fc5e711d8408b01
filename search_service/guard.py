"""Refuses deletions, and readiness, when records seem to be lost: a sweep must not finish what an accident began."""

import asyncio

import structlog

from search_service import lost
from search_service.lost import rows_in
from search_service.ports_repair import RepairRecords, RepairVectors
from search_service.values import Collection
from servicekit.errors import BackendUnavailable

# One row in so many may be without a name before that looks like lost records.
_ONE_IN = 10
_log = structlog.get_logger()


class Guard:
    """Compares what Milvus holds with what Redis knows. A check of readiness beside those of the stores."""

    name = "records"

    def __init__(self, records: RepairRecords, vectors: RepairVectors, *, shared_milvus: bool) -> None:
        self._records = records
        self._vectors = vectors
        self._shared = shared_milvus
        self._looked = False
        self._known: set[str] = set()
        self._looking: asyncio.Task[None] | None = None
        self._lost: list[str] = []
        self._fallen: dict[str, str] = {}

    @property
    def refused(self) -> list[str]:
        """Names of the collections of which nothing is deleted."""
        return sorted(self._fallen.values())

    @property
    def lost(self) -> int:
        """How many collections Milvus has that Redis does not know."""
        return len(self._lost)

    async def check(self) -> None:
        """Return if no records seem to be lost.

        Raises:
            BackendUnavailable: some do, or the stores could not yet be compared.
        """
        if self._looked and await self._forgotten():
            self._looked = False
        if not self._looked:
            # Many spaces take longer than a check may: the look goes on while checks come and go.
            await asyncio.shield(self._first_look())
        self.require_records()
        if self._fallen:
            raise BackendUnavailable("records seem to be lost")

    async def _forgotten(self) -> bool:
        """Tell whether Redis knows nothing any more of a collection that it knew at the last check.

        That is so once a deleted one is cleared away, and at once when Redis is emptied: a look tells the two apart.
        """
        try:
            now = await self._uids()
        except BackendUnavailable:
            # Its own check says so. What was known is kept, for it may come back empty.
            return False
        forgotten = not self._known <= now
        self._known = self._known if forgotten else now
        return forgotten

    async def _uids(self) -> set[str]:
        visible, dropped = await lost.known(self._records)
        return visible | dropped

    def require_records(self) -> None:
        """Return unless Milvus held, at the last look, rows of collections that Redis does not know.

        Raises:
            BackendUnavailable: it did.
        """
        if self._lost:
            raise BackendUnavailable("records seem to be lost")

    def _first_look(self) -> "asyncio.Task[None]":
        """Return the look that is under way, or begin one."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self.look())
            # Whoever waited for it may be gone; what it met comes up again at the next one.
            self._looking.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._looking

    def close(self) -> None:
        """End a look that is under way."""
        if self._looking:
            self._looking.cancel()

    async def look(self) -> None:
        """See whether Milvus holds rows of collections that Redis does not know."""
        # First: what is lost while the stores are compared is missed by the next check.
        known = await self._uids()
        every = [] if self._shared else await lost.find(self._records, self._vectors)
        found = [each.uid for each in every if each.rows]
        if found and found != self._lost:
            _log.error(
                "Milvus holds collections that Redis does not know: nothing is served until `rebuild` has run",
                collections=len(found),
            )
        self._lost, self._looked, self._known = found, True, known

    async def refuses(self, collection: Collection) -> bool:
        """Tell whether more than a tenth of a collection's rows have no name, so that nothing of it may be deleted."""
        # Rows first: what is written meanwhile has its name before its row.
        rows = max([await rows_in(self._vectors, binding.space) for binding in collection.bindings], default=0)
        stray = rows - sum(await self._records.named(collection.uid))
        if stray * _ONE_IN <= rows:
            self._fallen.pop(collection.uid, None)
            return False
        if collection.uid not in self._fallen:
            _log.error(
                "over a tenth of the rows have no record: nothing is deleted until `rebuild`, or `reconcile --repair "
                "--force`, has run",
                collection=collection.name,
                rows=rows,
                without_record=stray,
            )
        self._fallen[collection.uid] = collection.name
        return True

    def doubts(self, collection: Collection) -> bool:
        """Tell whether nothing of a collection was to be deleted when it was last compared."""
        return collection.uid in self._fallen

    def keep_to(self, uids: set[str]) -> None:
        """Forget collections that are gone."""
        self._fallen = {uid: name for uid, name in self._fallen.items() if uid in uids}
