"""What every record store must know of contents, and of answers that it keeps."""

import asyncio

import pytest

from search_service.ports import CollectionNotFound, RecordStore
from search_service.redis_store import RedisRecordStore
from search_service.values import Collection, Kept
from tests.contract.test_record_store import a_record, collection
from tests.fakes_records import MemoryRecordStore

__all__ = ["collection"]


async def holder_ids(records: RecordStore, uid: str, *sha256s: str) -> list[str]:
    return [holder.version.image_id if holder else "" for holder in await records.holders(uid, sha256s)]


async def put(records: RecordStore, uid: str, image_id: str, sha256: str) -> None:
    (generation,) = await records.begin(uid, [image_id])
    await records.commit(uid, 1, [a_record(image_id, generation, sha256)])


async def test_the_holder_of_a_content_is_an_image_that_has_it_now(
    records: RecordStore, collection: Collection
) -> None:
    uid, one, two = collection.uid, "1" * 64, "2" * 64
    assert await holder_ids(records, uid, one) == [""]
    await put(records, uid, "a", one)
    await put(records, uid, "b:c@d/e", two)
    assert await holder_ids(records, uid, two, "3" * 64, one, one) == ["b:c@d/e", "", "a", "a"]
    assert await records.holders(uid, [one]) == await records.read(uid, ["a"])
    await put(records, uid, "a", two)
    assert await holder_ids(records, uid, one) == [""]
    await records.delete(uid, ["a"])
    assert await holder_ids(records, uid, two) == ["b:c@d/e"]
    await records.delete(uid, ["b:c@d/e"])
    assert await holder_ids(records, uid, two) == [""]


async def test_a_write_that_lost_holds_nothing(records: RecordStore, collection: Collection) -> None:
    uid, lost, won = collection.uid, "1" * 64, "2" * 64
    (first,) = await records.begin(uid, ["a"])
    await put(records, uid, "a", won)
    await records.commit(uid, 1, [a_record("a", first, lost)])
    assert await holder_ids(records, uid, lost, won) == ["", "a"]


async def test_a_content_written_again_under_its_id_keeps_its_holder(
    records: RecordStore, collection: Collection
) -> None:
    for _ in range(2):
        await put(records, collection.uid, "a", "1" * 64)
    assert await holder_ids(records, collection.uid, "1" * 64) == ["a"]


async def test_a_cleared_collection_leaves_nothing(records: RecordStore, collection: Collection) -> None:
    await put(records, collection.uid, "a", "1" * 64)
    await put(records, collection.uid, "a", "2" * 64)
    await put(records, collection.uid, "b", "1" * 64)
    await records.delete(collection.uid, ["b"])
    await records.begin(collection.uid, ["c"])
    await records.unregister(collection)
    await records.clear(collection)
    assert await holder_ids(records, collection.uid, "1" * 64, "2" * 64) == ["", ""]
    if isinstance(records, RedisRecordStore):
        assert await records._redis.keys(f"*{collection.uid}*") == []


REQUEST = "6f3b65e8-0bd5-4627-b303-377f476a6e31"


async def test_the_first_answer_stands(records: RecordStore, collection: Collection) -> None:
    first, second = Kept("1" * 64, b"\x00|\xff"), Kept("2" * 64, b"")
    assert await records.recall(collection.uid, REQUEST) is None
    assert await records.keep(collection.uid, REQUEST, first, 60) == first
    assert await records.keep(collection.uid, REQUEST, second, 60) == first
    assert await records.recall(collection.uid, REQUEST) == first
    assert await records.recall(collection.uid, REQUEST[::-1]) is None


async def test_an_answer_is_kept_for_its_time_alone(records: RecordStore, collection: Collection) -> None:
    await records.keep(collection.uid, REQUEST, Kept("1" * 64, b"old"), 0.001)
    if isinstance(records, MemoryRecordStore):
        records.now_ms += 2
    async with asyncio.timeout(10):
        while await records.recall(collection.uid, REQUEST) is not None:
            pass
    fresh = Kept("1" * 64, b"new")
    assert await records.keep(collection.uid, REQUEST, fresh, 60) == fresh


async def test_no_answer_is_kept_of_a_collection_that_is_gone(records: RecordStore, collection: Collection) -> None:
    await records.unregister(collection)
    await records.clear(collection)
    with pytest.raises(CollectionNotFound):
        await records.keep(collection.uid, REQUEST, Kept("1" * 64, b""), 60)
