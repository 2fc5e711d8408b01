"""One collection's records, from its rows: for each image the newest version that has a row for every model."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import groupby

from search_service.lease import Turn
from search_service.ports_repair import Finding, Kind, RepairRecords, RepairVectors, Restoration, Step
from search_service.values import Collection, Record, RowKey

_BATCH = 1000


class Restorer:
    """Goes once through the rows of a collection. Whatever is committed already stays, so it can be run again."""

    def __init__(self, records: RepairRecords, vectors: RepairVectors, *, horizon_seconds: float) -> None:
        self._records = records
        self._vectors = vectors
        self._horizon = horizon_seconds

    async def run(self, collection: Collection, turn: Turn) -> AsyncGenerator[Step]:
        """Yield after each batch of rows what was restored. The times of a restored record are now."""
        first = collection.active[0].space
        total, done = await self._vectors.count(first), 0
        turn.require()
        # Writes may begin once the collection is visible, even if not one row is left.
        await self._records.restore(collection.uid, 0, [], self._horizon)
        async with aclosing(self._batches(first)) as batches:
            async for rows in batches:
                done += len(rows)
                restored, findings = await self._restore(collection, rows, turn)
                yield Step(collection.name, done, max(done, total), findings, restored)
                await turn.pause(len(rows))

    async def _batches(self, space: str) -> AsyncGenerator[list[Record]]:
        """Yield all rows, those of one image together."""
        after: RowKey | None = None
        kept: list[Record] = []
        while rows := await self._vectors.scan(space, after, _BATCH):
            after = rows[-1].key
            rows = kept + rows
            kept = [row for row in rows if row.key.image_id == after.image_id]
            if whole := rows[: -len(kept)]:
                yield whole
        if kept:
            yield kept

    async def _restore(self, collection: Collection, rows: Sequence[Record], turn: Turn) -> tuple[int, list[Finding]]:
        spaces = await self._spaces(collection, [row.key for row in rows])
        complete = {key for key, tags in spaces.items() if {binding.tag for binding in collection.active} <= set(tags)}
        versions = {i: list(each) for i, each in groupby(rows, lambda row: row.version.image_id)}
        best = {i: _newest([row for row in each if row.key in complete]) for i, each in versions.items()}
        known = dict(zip(versions, await self._records.read(collection.uid, list(versions)), strict=True))
        wanted = [row for i, row in best.items() if row and _is_newer(row, known[i], complete)]
        turn.require()
        held = [replace(row, spaces=spaces[row.key]) for row in wanted]
        restored = await self._commit(collection, held, {i: r.generation for i, r in known.items() if r}, rows)
        over = [row.key for i in restored for row in versions[i] if row is not best[i]]
        await self._records.discard(collection.uid, over)
        bare = [i for i, row in best.items() if row is None and known[i] is None]
        return len(restored), [Finding(Kind.INCOMPLETE_IMAGE, collection.name, image_id=i) for i in bare]

    async def _spaces(self, collection: Collection, keys: Sequence[RowKey]) -> dict[RowKey, tuple[str, ...]]:
        """Return for each row the tags of the spaces that hold it."""
        held = {binding.tag: await self._vectors.held(binding.space, keys) for binding in collection.bindings}
        return {key: tuple(tag for tag, rows in held.items() if key in rows) for key in keys}

    async def _commit(
        self, collection: Collection, wanted: Sequence[Record], replaced: dict[str, int], seen: Sequence[Record]
    ) -> list[str]:
        """Return the ids of those that are records now."""
        versions = [Restoration(row, replaced.get(row.version.image_id, 0)) for row in wanted]
        newest = max(row.generation for row in seen)
        restored = await self._records.restore(collection.uid, newest, versions, self._horizon)
        return [row.version.image_id for row, done in zip(wanted, restored, strict=True) if done]


def _newest(rows: Sequence[Record]) -> Record | None:
    return max(rows, default=None, key=lambda row: row.generation)


def _is_newer(row: Record, known: Record | None, complete: set[RowKey]) -> bool:
    """Tell whether a row should become the record: there is none, or it is older and its own rows are not there."""
    return known is None or (known.generation < row.generation and known.key not in complete)
