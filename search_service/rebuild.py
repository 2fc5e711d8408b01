"""Brings records back from rows, for a Redis that was lost or put back to an earlier time."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from search_service import lost
from search_service.guard import Guard
from search_service.lease import Lease
from search_service.lost import Lost
from search_service.ports import CollectionNotFound
from search_service.ports_repair import Finding, Kind, RepairRecords, RepairVectors, Step
from search_service.restore import Restorer
from search_service.values import Collection

_UID_CHARS = 8
_MAX_NAME_CHARS = 63
# A lost collection is listed nowhere as about to be made, which counts as long ago.
_ANY_AGE_SECONDS = 1e11


@dataclass(frozen=True, slots=True)
class _Plan:
    """A collection whose records are to come back, its name of old, and whether it has to be made visible then."""

    collection: Collection
    name: str
    hidden: bool


class Rebuilder:
    """Adds what is missing and changes nothing else, so that it may be run over a Redis that is whole."""

    def __init__(
        self,
        records: RepairRecords,
        vectors: RepairVectors,
        guard: Guard,
        lease: Lease,
        *,
        horizon_seconds: float,
    ) -> None:
        self._records = records
        self._vectors = vectors
        self._guard = guard
        self._lease = lease
        self._restorer = Restorer(records, vectors, horizon_seconds=horizon_seconds)

    async def run(self, names: Sequence[str]) -> AsyncGenerator[Step]:
        """Yield what was restored, batch by batch, of these collections, or of all that Milvus holds if none is named.

        A lost collection becomes visible when all of it is restored; one whose name is taken gets another. Images
        that were deleted, and whose rows had not been swept, come back.

        Raises:
            CollectionNotFound: one that is named is nowhere.
            MaintenanceRunning: another holds the lease.
            LeaseLost: another may have it now.
        """
        async with self._lease.held("rebuild", patient=True) as turn:
            plans, findings = await self._plan(names)
            yield Step("", findings=findings)
            for plan in plans:
                yield Step(plan.collection.name)
                async with aclosing(self._restorer.run(plan.collection, turn)) as steps:
                    async for step in steps:
                        yield step
            for plan in plans:
                turn.require()
                await self._finish(plan)
            await self._guard.look()

    async def _finish(self, plan: _Plan) -> None:
        if plan.hidden:
            await self._records.register(plan.collection, _ANY_AGE_SECONDS)
        await self._guard.refuses(plan.collection)

    async def _plan(self, names: Sequence[str]) -> tuple[list[_Plan], list[Finding]]:
        """Return the collections to restore and what has to be said of them."""
        visible = await self._records.collections()
        plans = [_Plan(collection, collection.name, hidden=False) for collection in visible]
        taken = {collection.name for collection in visible}
        findings = []
        for each, known in await self._lost():
            if known is None:
                findings.append(Finding(Kind.NO_DEFINITION, each.uid))
            elif each.rows or known.name not in taken:
                named = _free_name(known, taken)
                taken.add(named.name)
                plans.append(_Plan(named, known.name, hidden=True))
                if named.name != known.name:
                    findings.append(Finding(Kind.RENAMED_COLLECTION, named.name))
        return _chosen(plans, names), findings

    async def _lost(self) -> list[tuple[Lost, Collection | None]]:
        """Return what is lost. Of several with one name, the newest that holds rows comes first, for it to keep it.

        The newest was visible once, if it holds rows; those before it were deleted then. Without rows it may be one
        that was refused because the name was taken.
        """
        every = await lost.find(self._records, self._vectors)
        found = [(each, await lost.definition(self._vectors, each)) for each in every]
        return sorted(found, key=lambda pair: (bool(pair[0].rows), pair[1].create_ms if pair[1] else 0), reverse=True)


def _chosen(plans: Sequence[_Plan], names: Sequence[str]) -> list[_Plan]:
    for name in set(names) - {plan.name for plan in plans}:
        raise CollectionNotFound(f"neither Redis nor Milvus has a collection {name!r}")
    return [plan for plan in plans if not names or plan.name in names]


def _free_name(collection: Collection, taken: set[str]) -> Collection:
    if collection.name not in taken:
        return collection
    suffix = f"-{collection.uid[:_UID_CHARS]}"
    return replace(collection, name=collection.name[: _MAX_NAME_CHARS - len(suffix)] + suffix)
