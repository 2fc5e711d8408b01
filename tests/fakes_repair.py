"""The twins of the stores with what mends them, held to the real ones by tests/contract."""

from collections.abc import Sequence
from dataclasses import replace

from search_service import encoding
from search_service.ports_repair import Named, Restoration
from search_service.values import Outcome, Record, RowKey
from tests.fakes import MemoryVectorStore
from tests.fakes_records import MemoryRecordStore


class RepairableVectorStore(MemoryVectorStore):
    """A vector store that can be looked through."""

    async def space_names(self) -> list[str]:
        self._answer("")
        return list(self.spaces)

    async def description(self, space: str) -> str:
        self._answer(space)
        self._rows(space)
        return self.descriptions[space]

    async def scan(self, space: str, after: RowKey | None, limit: int) -> list[Record]:
        self._answer(space)
        start = encoding.key_text(after) if after else ""
        rows = {encoding.key_text(key): row.record for key, row in self._rows(space).items()}
        told = [rows[text] for text in sorted(rows) if text > start][:limit]
        return [replace(record, create_ms=0, update_ms=0, write_id="") for record in told]

    async def held(self, space: str, keys: Sequence[RowKey]) -> set[RowKey]:
        self._answer(space)
        return set(keys) & self._rows(space).keys()


class RepairableRecordStore(MemoryRecordStore):
    """A record store that can be mended. Its lease runs by `now_ms` too."""

    def __init__(self) -> None:
        super().__init__()
        self._lease = ("", 0.0)

    def lose_everything(self) -> None:
        """Forget all, as FLUSHALL does."""
        now_ms = self.now_ms
        self.__init__()  # type: ignore[misc]
        self.now_ms = now_ms

    async def take(self, holder: str, seconds: float) -> str:
        if self._lease[1] <= self.now_ms:
            self._lease = (holder, self.now_ms + seconds * 1000)
        return self._lease[0]

    async def renew(self, holder: str, seconds: float) -> bool:
        ours = self._lease[0] == holder and self._lease[1] > self.now_ms
        if ours:
            self._lease = (holder, self.now_ms + seconds * 1000)
        return ours

    async def release(self, holder: str) -> None:
        if self._lease[0] == holder:
            self._lease = ("", 0.0)

    async def named(self, uid: str) -> Named:
        shelf = self._shelf(uid)
        return Named(len(shelf.records), len(shelf.intents) + len(shelf.garbage))

    async def unnamed(self, uid: str, keys: Sequence[RowKey]) -> list[RowKey]:
        shelf = self._shelf(uid)
        current = {record.key for record in shelf.records.values()}
        return [key for key in keys if key not in current | shelf.intents.keys() | shelf.garbage.keys()]

    async def discard(self, uid: str, keys: Sequence[RowKey]) -> list[RowKey]:
        unnamed = await self.unnamed(uid, keys)
        self._shelf(uid).garbage.update(dict.fromkeys(unnamed, self.now_ms))
        return unnamed

    async def mark(self, uid: str, records: Sequence[Record]) -> list[bool]:
        shelf = self._shelf(uid)
        news = []
        for record in records:
            known = shelf.records.get(record.version.image_id)
            new = known is not None and known.key == record.key and known.spaces != record.spaces
            if new:
                shelf.records[record.version.image_id] = record
            news.append(new)
        return news

    async def restore(
        self, uid: str, generation: int, versions: Sequence[Restoration], older_than_seconds: float
    ) -> list[bool]:
        shelf = self._shelves[uid]
        shelf.generation = max(shelf.generation, generation)
        horizon = self.now_ms - older_than_seconds * 1000
        restored = []
        for record, replaces in versions:
            known = shelf.records.get(record.version.image_id)
            may = (known.generation if known else 0) == replaces and record.key not in shelf.garbage
            may = may and shelf.intents.get(record.key, 0) <= horizon
            if may:
                shelf.intents[record.key] = self.now_ms
            restored.append(may and self._commit(shelf, shelf.fence, record) is not Outcome.CONFLICT)
        return restored
