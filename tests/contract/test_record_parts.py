"""What every record store must do with what is read or worked off in parts."""

import asyncio
from collections.abc import Sequence

import pytest

from search_service.ports import RecordStore
from search_service.values import Collection, Record
from tests.contract.test_record_store import collection, write
from tests.fakes_records import MemoryRecordStore

__all__ = ["collection"]


async def test_intents_and_tombstones_are_worked_off_and_counted_by_the_limit(
    records: RecordStore, collection: Collection
) -> None:
    uid = collection.uid
    await records.begin(uid, ["a", "b", "c"])
    assert [(await records.expire(uid, 0, 2)).intents for _ in range(3)] == [2, 1, 0]
    await records.delete(uid, ["a", "b", "c", "d", "e"])
    if isinstance(records, MemoryRecordStore):
        records.now_ms += 2
    counts = [0]
    async with asyncio.timeout(10):
        while sum(counts) < 5:
            counts.append((await records.expire(uid, 0, 2)).tombstones)
    assert max(counts) == 2
    assert await records.expire(uid, 0, 2) == (0, 0)


async def test_a_page_is_full_though_records_go_while_it_is_read(
    records: RecordStore, collection: Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    uid, read = collection.uid, records.read
    await write(records, uid, *"abcdefg")

    async def overtaken(uid: str, image_ids: Sequence[str]) -> list[Record | None]:
        await records.delete(uid, [image_id for image_id in image_ids if image_id in "abd"])
        return await read(uid, image_ids)

    monkeypatch.setattr(records, "read", overtaken)
    page = await records.page(uid, "", 3)
    assert len(page) == 3
    rest = await records.page(uid, page[-1].version.image_id, 100)
    assert {"c", "e", "f", "g"} <= {record.version.image_id for record in page + rest}
