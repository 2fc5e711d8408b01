"""Compares both stores in full: rows that nothing names, and records that lack rows."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from search_service import encoding, lost
from search_service.guard import Guard
from search_service.lease import Lease, Turn
from search_service.ports import CollectionNotFound
from search_service.ports_repair import Finding, Kind, RepairRecords, RepairVectors, Step
from search_service.recorder import SILENT, Recorder
from search_service.values import Binding, Collection, Record, RowKey

_BATCH = 1000


class Reconciler:
    """Safe while others write: what is found is looked at again before it is believed, and changed only if it stands.

    Rows are never deleted here: an orphan is listed as garbage, which the next sweep works off.
    """

    def __init__(
        self, records: RepairRecords, vectors: RepairVectors, guard: Guard, lease: Lease, recorder: Recorder = SILENT
    ) -> None:
        self._records = records
        self._vectors = vectors
        self._guard = guard
        self._lease = lease
        self._recorder = recorder

    async def run(self, names: Sequence[str], *, repair: bool, force: bool) -> AsyncGenerator[Step]:
        """Yield what is found, batch by batch; compare these collections, or all if none is named.

        Args:
            names: Collections.
            repair: List orphans as garbage, make spaces that are gone, and mark images that lack rows, so that the
                next write of the same content writes them anew.
            force: Repair a collection too of which over a tenth of the rows have no name.

        Raises:
            CollectionNotFound: one that is named is not there.
            MaintenanceRunning: another holds the lease.
            LeaseLost: another may have it now.
        """
        async with self._lease.held("reconcile", patient=True) as turn:
            lost = await self._lost(names)
            self._recorder.reconciled(lost)
            yield Step("", findings=lost)
            for collection in await self._chosen(names):
                async with aclosing(self._collection(collection, turn, repair=repair, force=force)) as steps:
                    async for step in steps:
                        self._recorder.reconciled(step.findings)
                        yield step

    async def _chosen(self, names: Sequence[str]) -> list[Collection]:
        if not names:
            return await self._records.collections()
        return [await self._records.collection(name) for name in names]

    async def _lost(self, names: Sequence[str]) -> list[Finding]:
        if names:
            return []
        findings = []
        for each in [each for each in await lost.find(self._records, self._vectors) if each.rows]:
            known = await lost.definition(self._vectors, each)
            findings.append(Finding(Kind.LOST_COLLECTION, known.name if known else each.uid))
        return findings

    async def _collection(
        self, collection: Collection, turn: Turn, *, repair: bool, force: bool
    ) -> AsyncGenerator[Step]:
        images = await self._records.count(collection.uid)
        rows = [await lost.rows_in(self._vectors, binding.space) for binding in collection.bindings]
        total, done = images + sum(rows), 0
        fell = await self._guard.refuses(collection)
        findings = [Finding(Kind.RECORDS_FELL, collection.name, repaired=repair and force)] if fell else []
        yield Step(collection.name, 0, total, findings)
        async with aclosing(self._compare(collection, turn, (repair, repair and (force or not fell)))) as batches:
            async for size, found in batches:
                done += size
                yield Step(collection.name, done, max(done, total), found)
                await turn.pause(size)
        if fell and repair and force:
            await self._guard.refuses(collection)

    async def _compare(
        self, collection: Collection, turn: Turn, repair: tuple[bool, bool]
    ) -> AsyncGenerator[tuple[int, list[Finding]]]:
        """Yield how much each batch compared and what it found; `repair`: mend what lacks, and discard what is over."""
        mend, discard = repair
        present = set(await self._vectors.space_names())
        for binding in collection.bindings:
            if binding.space not in present:
                yield 0, [await self._missing_space(collection, binding, turn, mend)]
                continue
            after: RowKey | None = None
            while rows := await self._vectors.scan(binding.space, after, _BATCH):
                after = rows[-1].key
                yield len(rows), await self._orphans(collection, binding, [row.key for row in rows], turn, discard)
        last = ""
        while records := await self._records.page(collection.uid, last, _BATCH):
            last = records[-1].version.image_id
            yield len(records), await self._missing(collection, records, turn, mend)

    async def _missing_space(self, collection: Collection, binding: Binding, turn: Turn, mend: bool) -> Finding:
        if mend:
            turn.require()
            described = encoding.collection_text(collection)
            spec = (binding.dimension, collection.metric, collection.index)
            await self._vectors.create(binding.space, *spec, described)
        return Finding(Kind.MISSING_SPACE, collection.name, binding.model, repaired=mend)

    async def _orphans(
        self, collection: Collection, binding: Binding, keys: Sequence[RowKey], turn: Turn, discard: bool
    ) -> list[Finding]:
        unnamed = await self._records.unnamed(collection.uid, keys)
        if not unnamed:
            return []
        # A row that was swept after the scan has lost its name and is gone; no key is ever inserted again.
        held = await self._vectors.held(binding.space, unnamed)
        orphans = [key for key in unnamed if key in held]
        turn.require()
        discarded = set(await self._records.discard(collection.uid, orphans)) if discard and orphans else set()
        return [
            Finding(Kind.ORPHAN_ROW, collection.name, binding.model, *key, repaired=key in discarded) for key in orphans
        ]

    async def _missing(
        self, collection: Collection, records: Sequence[Record], turn: Turn, mend: bool
    ) -> list[Finding]:
        lacking = {b: await self._without_row(collection, b, records) for b in collection.bindings}
        affected: dict[RowKey, Record] = {}
        for binding, lacks in lacking.items():
            for record in lacks:
                spaces = affected.get(record.key, record).spaces
                affected[record.key] = replace(record, spaces=tuple(tag for tag in spaces if tag != binding.tag))
        turn.require()
        news = await self._records.mark(collection.uid, list(affected.values())) if mend and affected else []
        marked = {key for key, new in zip(affected, news, strict=False) if new}
        return [
            Finding(Kind.MISSING_ROW, collection.name, binding.model, *record.key, repaired=record.key in marked)
            for binding, lacks in lacking.items()
            for record in lacks
        ]

    async def _without_row(self, collection: Collection, binding: Binding, records: Sequence[Record]) -> list[Record]:
        try:
            held = await self._vectors.held(binding.space, [record.key for record in records])
        except CollectionNotFound:
            held = set()
        # A model that is being built lacks what nobody has indexed again yet.
        expected = [record for record in records if not binding.building or record.covers([binding])]
        lacking = [record for record in expected if record.key not in held]
        # One that was replaced or deleted meanwhile has rows elsewhere, or needs none.
        again = await self._records.read(collection.uid, [record.version.image_id for record in lacking])
        return [was for was, now in zip(lacking, again, strict=True) if now is not None and now.key == was.key]
