"""One collection's records, from its rows: for each image the newest version that has a row for every model.

Where none has, as of images that were there before a model whose activation was forced, the newest that has a row for
any model that searches use.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import groupby

from search_service import encoding
from search_service.lease import Turn
from search_service.ports_repair import Finding, Kind, RepairRecords, RepairVectors, Restoration, Step
from search_service.values import Collection, Record, RowKey

_BATCH = 1000

Tags = Mapping[RowKey, tuple[str, ...]]


class Restorer:
    """Goes once through the rows of a collection. Whatever is committed already stays, so it can be run again."""

    def __init__(self, records: RepairRecords, vectors: RepairVectors, *, horizon_seconds: float) -> None:
        self._records = records
        self._vectors = vectors
        self._horizon = horizon_seconds

    async def run(self, collection: Collection, turn: Turn) -> AsyncGenerator[Step]:
        """Yield after each batch of rows what was restored. The times of a restored record are now."""
        spaces = [binding.space for binding in collection.bindings]
        total, done = max([await self._vectors.count(space) for space in spaces]), 0
        turn.require()
        # Writes may begin once the collection is visible, even if not one row is left.
        await self._records.restore(collection.uid, 0, [], self._horizon)
        async with aclosing(self._batches(spaces)) as batches:
            async for rows in batches:
                done += len(rows)
                restored, findings = await self._restore(collection, rows, turn)
                yield Step(collection.name, done, max(done, total), findings, restored)
                await turn.pause(len(rows))

    async def _batches(self, spaces: Sequence[str]) -> AsyncGenerator[list[Record]]:
        """Yield all rows, those of one image together; of those with one key, which say the same, one."""
        after: RowKey | None = None
        kept: list[Record] = []
        while rows := await self._scan(spaces, after):
            after = rows[-1].key
            rows = kept + rows
            kept = [row for row in rows if row.key.image_id == after.image_id]
            if whole := rows[: -len(kept)]:
                yield whole
        if kept:
            yield kept

    async def _scan(self, spaces: Sequence[str], after: RowKey | None) -> list[Record]:
        """Return the next rows of all spaces, as `RepairVectors.scan` does those of one."""
        found = await asyncio.gather(*(self._vectors.scan(space, after, _BATCH) for space in spaces))
        rows = {encoding.key_text(row.key): row for each in found for row in each}
        return [rows[text] for text in sorted(rows)[:_BATCH]]

    async def _restore(self, collection: Collection, rows: Sequence[Record], turn: Turn) -> tuple[int, list[Finding]]:
        spaces = await self._spaces(collection, [row.key for row in rows])
        usable = await self._usable(collection, spaces)
        versions = {i: list(each) for i, each in groupby(rows, lambda row: row.version.image_id)}
        best = {
            i: _best(collection, [row for row in each if row.key in usable], spaces) for i, each in versions.items()
        }
        known = dict(zip(versions, await self._records.read(collection.uid, list(versions)), strict=True))
        wanted = [row for i, row in best.items() if row and _is_better(collection, row, known[i], spaces)]
        turn.require()
        held = [replace(row, spaces=spaces[row.key]) for row in wanted]
        restored = await self._commit(collection, held, {i: r.generation for i, r in known.items() if r}, rows)
        over = [row.key for i in restored for row in versions[i] if row is not best[i]]
        await self._records.discard(collection.uid, over)
        bare = [i for i, row in best.items() if row is None and known[i] is None]
        return len(restored), [Finding(Kind.INCOMPLETE_IMAGE, collection.name, image_id=i) for i in bare]

    async def _usable(self, collection: Collection, spaces: Tags) -> set[RowKey]:
        """Return the versions that may become records: those with a row for every model, and those with one for some.

        Of the latter not those that an intent names: they are half of a write that was never acknowledged.
        """
        complete = {key for key, tags in spaces.items() if _lacks(collection, tags) == 0}
        searched = {binding.tag for binding in collection.active}
        partial = [key for key, tags in spaces.items() if key not in complete and not searched.isdisjoint(tags)]
        return complete | set(await self._records.unnamed(collection.uid, partial))

    async def _spaces(self, collection: Collection, keys: Sequence[RowKey]) -> Tags:
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


def _lacks(collection: Collection, tags: Sequence[str]) -> int:
    """Return how many of the models that searches use have no row."""
    return sum(binding.tag not in tags for binding in collection.active)


def _best(collection: Collection, rows: Sequence[Record], spaces: Tags) -> Record | None:
    """Return the newest with a row for every model, or else the newest."""
    return max(rows, default=None, key=lambda row: (_lacks(collection, spaces[row.key]) == 0, row.generation))


def _is_better(collection: Collection, row: Record, known: Record | None, spaces: Tags) -> bool:
    """Tell whether a row should become the record: there is none, or it is older and its own rows are not there.

    Where only some of those are gone, it takes a version with a row for every model.
    """
    if known is None:
        return True
    lacking = _lacks(collection, spaces.get(known.key, ()))
    whole = _lacks(collection, spaces[row.key]) == 0
    return known.generation < row.generation and (lacking == len(collection.active) or (whole and lacking > 0))
