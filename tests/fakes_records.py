"""A twin of the record store, held to the real ones by tests/contract."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from search_service.ports import CollectionExists, CollectionNotFound
from search_service.values import (
    Collection,
    Coverage,
    Expired,
    Kept,
    Outcome,
    Record,
    RowKey,
)
from servicekit.errors import BackendUnavailable


class _Shelf:
    """One collection's records."""

    def __init__(self) -> None:
        self.generation = 0
        self.intents: dict[RowKey, int] = {}
        self.records: dict[str, Record] = {}
        self.garbage: dict[RowKey, int] = {}
        self.tombstones: dict[str, tuple[int, int]] = {}
        self.kept: dict[str, tuple[float, Kept]] = {}
        self.fence = 0


class MemoryRecordStore:
    """A record store with a clock that tests move: `now_ms`."""

    name = "memory"

    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self._visible: dict[str, Collection] = {}
        self._dropped: dict[str, tuple[int, Collection]] = {}
        self._shelves: defaultdict[str, _Shelf] = defaultdict(_Shelf)
        self._retired: dict[str, int] = {}

    async def prepare(self, collection: Collection) -> None:
        self._dropped[collection.uid] = (self.now_ms, collection)
        self._shelves[collection.uid] = _Shelf()

    async def register(self, collection: Collection, within_seconds: float) -> None:
        prepared_ms, _ = self._dropped.get(collection.uid, (0, collection))
        if self.now_ms - prepared_ms >= within_seconds * 1000:
            raise BackendUnavailable("the collection could not be made in time")
        if collection.name in self._visible:
            raise CollectionExists(f"there is a collection {collection.name!r} already")
        self._visible[collection.name] = collection
        self._dropped.pop(collection.uid, None)

    async def collection(self, name: str) -> Collection:
        if name not in self._visible:
            raise CollectionNotFound(f"there is no collection {name!r}")
        return self._visible[name]

    async def collections(self) -> list[Collection]:
        return [self._visible[name] for name in sorted(self._visible)]

    async def unregister(self, collection: Collection) -> None:
        if self._visible.get(collection.name) == collection:
            del self._visible[collection.name]
        self._dropped[collection.uid] = (self.now_ms, collection)

    async def dropped(self, older_than_seconds: float) -> list[Collection]:
        horizon = self.now_ms - older_than_seconds * 1000
        return [collection for dropped_ms, collection in self._dropped.values() if dropped_ms <= horizon]

    async def clear(self, collection: Collection) -> None:
        self._shelves.pop(collection.uid, None)
        self._dropped.pop(collection.uid, None)

    async def count(self, uid: str) -> int:
        return len(self._shelf(uid).records)

    async def read(self, uid: str, image_ids: Sequence[str]) -> list[Record | None]:
        return [self._shelf(uid).records.get(image_id) for image_id in image_ids]

    async def holders(self, uid: str, sha256s: Sequence[str]) -> list[Record | None]:
        records = self._shelf(uid).records
        held = {
            records[image_id].version.content_sha256: records[image_id] for image_id in sorted(records, reverse=True)
        }
        return [held.get(sha256) for sha256 in sha256s]

    async def page(self, uid: str, after: str, limit: int) -> list[Record]:
        records = self._shelf(uid).records
        return [records[image_id] for image_id in sorted(records) if image_id > after][:limit]

    async def begin(self, uid: str, image_ids: Sequence[str]) -> list[int]:
        if uid not in self._shelves:
            raise CollectionNotFound("the collection was deleted")
        shelf = self._shelves[uid]
        generations = [shelf.generation + 1 + i for i in range(len(image_ids))]
        shelf.generation += len(image_ids)
        shelf.intents.update({RowKey(i, g): self.now_ms for i, g in zip(image_ids, generations, strict=True)})
        return generations

    async def commit(
        self, uid: str, revision: int, records: Sequence[Record], expected_ms: Sequence[int | None] = ()
    ) -> list[Outcome]:
        times = expected_ms or [None] * len(records)
        return [self._commit(self._shelf(uid), revision, *write) for write in zip(records, times, strict=True)]

    def _commit(self, shelf: _Shelf, revision: int, record: Record, expected_ms: int | None = None) -> Outcome:
        image_id = record.version.image_id
        old = shelf.records.get(image_id)
        buried, buried_ms = shelf.tombstones.get(image_id, (0, 0))
        head = max(old.generation if old else 0, buried)
        intended = shelf.intents.pop(record.key, None) is not None
        stale = expected_ms is not None and (old is None or old.update_ms != expected_ms)
        if revision < shelf.fence or stale or not intended or head > record.generation:
            shelf.garbage[record.key] = self.now_ms
            return Outcome.CHANGED if revision < shelf.fence else Outcome.STALE if stale else Outcome.CONFLICT
        now_ms = max(self.now_ms, (old.update_ms if old else buried_ms) + 1)
        shelf.records[image_id] = replace(record, create_ms=old.create_ms if old else now_ms, update_ms=now_ms)
        if old is None:
            return Outcome.CREATED
        shelf.garbage[old.key] = self.now_ms
        return Outcome.UPDATED

    async def fence(self, uid: str, revision: int) -> None:
        shelf = self._shelf(uid)
        shelf.fence = max(shelf.fence, revision)

    async def coverage(self, uid: str) -> Coverage:
        records = self._shelf(uid).records.values()
        return Coverage(len(records), Counter(tag for record in records for tag in record.spaces))

    async def redefine(self, changed: Collection, *, kept: Sequence[str] = (), retired: Sequence[str] = ()) -> bool:
        current = self._visible.get(changed.name)
        if current is None or (current.uid, current.revision) != (changed.uid, changed.revision - 1):
            return False
        self._visible[changed.name] = changed
        for space in (*(binding.space for binding in changed.bindings), *kept):
            self._retired.pop(space, None)
        await self.retire(retired)
        return True

    async def retire(self, spaces: Sequence[str]) -> None:
        self._retired.update(dict.fromkeys(spaces, self.now_ms))

    async def retired(self, older_than_seconds: float, limit: int) -> list[str]:
        horizon = self.now_ms - older_than_seconds * 1000
        return [space for space, since in self._retired.items() if since <= horizon][:limit]

    async def forget_spaces(self, spaces: Sequence[str]) -> None:
        for space in spaces:
            self._retired.pop(space, None)

    async def delete(self, uid: str, image_ids: Sequence[str], generations: Sequence[int] = ()) -> list[bool]:
        if uid not in self._shelves:
            return [False] * len(image_ids)
        shelf = self._shelves[uid]
        return [self._delete(shelf, i, only) for i, only in zip_longest(image_ids, generations)]

    def _delete(self, shelf: _Shelf, image_id: str, only: int | None) -> bool:
        if only is not None and (image_id not in shelf.records or shelf.records[image_id].generation != only):
            return False
        shelf.generation += 1
        old = shelf.records.pop(image_id, None)
        last_ms = old.update_ms if old else shelf.tombstones.get(image_id, (0, 0))[1]
        shelf.tombstones[image_id] = (shelf.generation, max(self.now_ms, last_ms))
        if old:
            shelf.garbage[old.key] = self.now_ms
        return old is not None

    async def expire(self, uid: str, older_than_seconds: float, limit: int) -> Expired:
        shelf = self._shelf(uid)
        horizon = self.now_ms - older_than_seconds * 1000
        old = [key for key, begun in shelf.intents.items() if begun <= horizon][:limit]
        for key in old:
            del shelf.intents[key]
        shelf.garbage.update(dict.fromkeys(old, self.now_ms))
        safe = min(horizon, min(shelf.intents.values(), default=self.now_ms) - 1)
        spent = [image_id for image_id, (_, since) in shelf.tombstones.items() if since <= safe][:limit]
        for image_id in spent:
            del shelf.tombstones[image_id]
        return Expired(len(old), len(spent))

    async def garbage(self, uid: str, older_than_seconds: float, limit: int) -> list[RowKey]:
        horizon = self.now_ms - older_than_seconds * 1000
        return [key for key, since in self._shelf(uid).garbage.items() if since <= horizon][:limit]

    async def forget(self, uid: str, keys: Sequence[RowKey]) -> None:
        for key in keys:
            self._shelf(uid).garbage.pop(key, None)

    async def recall(self, uid: str, request_id: str) -> Kept | None:
        expires_ms, kept = self._shelf(uid).kept.get(request_id, (0, None))
        return kept if expires_ms > self.now_ms else None

    async def keep(self, uid: str, request_id: str, kept: Kept, seconds: float) -> Kept:
        if uid not in self._shelves:
            raise CollectionNotFound("the collection was deleted")
        standing = await self.recall(uid, request_id)
        if standing is None:
            self._shelves[uid].kept[request_id] = (self.now_ms + seconds * 1000, kept)
        return standing or kept

    async def confirm(self, uid: str) -> None:
        pass

    async def check(self) -> None:
        pass

    def _shelf(self, uid: str) -> _Shelf:
        return self._shelves.get(uid) or _Shelf()
