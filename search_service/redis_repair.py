"""What mends the records, as scripts: the part of the record store that serving does not need."""

from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from typing import Any

from search_service import encoding
from search_service.ports_repair import Named, Restoration
from search_service.redis_keys import LEASE, keys
from search_service.values import Record, RowKey

COMMIT_KEYS = ("intents", "records", "ids", "garbage", "tombstones", "contents", "coverage", "fence", "tombstone_times")


def restoring(commit: str, restore: str) -> str:
    """Return the script that restores: it commits by the script that writers commit by."""
    return f"local function commit_all(KEYS, ARGV)\n{commit}\nend\n{restore}"


class RedisRepair:
    """RepairRecords, over a store that runs scripts."""

    _run: Callable[[str, Sequence[str], Sequence[Any]], Awaitable[Any]]

    async def take(self, holder: str, seconds: float) -> str:
        """See RepairRecords."""
        return str(await self._run("take", [LEASE], [holder, round(seconds * 1000)]))

    async def renew(self, holder: str, seconds: float) -> bool:
        """See RepairRecords."""
        return bool(await self._run("renew", [LEASE], [holder, round(seconds * 1000)]))

    async def release(self, holder: str) -> None:
        """See RepairRecords."""
        await self._run("release", [LEASE], [holder])

    async def named(self, uid: str) -> Named:
        """See RepairRecords."""
        records, unfinished = await self._run("named", keys(uid, "records", "intents", "garbage"), [])
        return Named(int(records), int(unfinished))

    async def unnamed(self, uid: str, keys_: Sequence[RowKey]) -> list[RowKey]:
        """See RepairRecords."""
        return await self._rows("unnamed", uid, keys_)

    async def discard(self, uid: str, keys_: Sequence[RowKey]) -> list[RowKey]:
        """See RepairRecords."""
        return await self._rows("discard", uid, keys_)

    async def _rows(self, script: str, uid: str, rows: Sequence[RowKey]) -> list[RowKey]:
        found = await self._run(script, keys(uid, "intents", "records", "garbage"), list(chain.from_iterable(rows)))
        return [rows[int(place) - 1] for place in found]

    async def mark(self, uid: str, records: Sequence[Record]) -> list[bool]:
        """See RepairRecords."""
        marks = chain.from_iterable((*record.key, encoding.record_body(record)) for record in records)
        return [bool(new) for new in await self._run("mark", keys(uid, "records", "coverage"), list(marks))]

    async def restore(
        self, uid: str, generation: int, versions: Sequence[Restoration], older_than_seconds: float
    ) -> list[bool]:
        """See RepairRecords."""
        wanted = chain.from_iterable((*v.record.key, v.replaces, encoding.record_body(v.record)) for v in versions)
        names = keys(uid, "generation", *COMMIT_KEYS)
        restored = await self._run("restore", names, [generation, round(older_than_seconds * 1000), *wanted])
        return [bool(done) for done in restored]
