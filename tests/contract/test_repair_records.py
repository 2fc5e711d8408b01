"""What every record store must do to be mended."""

from collections.abc import Sequence
from dataclasses import replace

from search_service.ports_repair import Named, RepairRecords, Restoration
from search_service.values import Collection, Outcome, RowKey
from tests.contract.test_record_store import a_collection, a_record, collection, current, write

__all__ = ["collection"]


async def test_the_lease_has_one_holder_and_only_that_one_renews_and_frees_it(records: RepairRecords) -> None:
    assert await records.take("one", 60) == "one"
    assert await records.take("two", 60) == "one"
    assert await records.renew("one", 60)
    assert not await records.renew("two", 60)
    await records.release("two")
    assert await records.take("two", 60) == "one"
    await records.release("one")
    assert not await records.renew("one", 60)
    assert await records.take("two", 60) == "two"
    await records.release("two")


async def test_rows_of_records_intents_and_garbage_have_names(records: RepairRecords, collection: Collection) -> None:
    uid = collection.uid
    await write(records, uid, "a", "b")
    old = await current(records, uid, "a")
    await write(records, uid, "a")
    new = await current(records, uid, "a")
    (begun,) = await records.begin(uid, ["c"])
    assert await records.named(uid) == Named(records=2, unfinished=2)
    stray = [RowKey("a", 99), RowKey("z", 1)]
    keys = [old.key, new.key, stray[0], RowKey("c", begun), stray[1]]
    assert await records.unnamed(uid, keys) == stray
    assert await records.unnamed(uid, []) == []


async def test_only_rows_without_a_name_become_garbage(records: RepairRecords, collection: Collection) -> None:
    uid = collection.uid
    await write(records, uid, "a")
    live = await current(records, uid, "a")
    stray = RowKey("a", 99)
    assert await records.discard(uid, [live.key, stray]) == [stray]
    assert await records.discard(uid, [live.key, stray]) == []
    assert await records.garbage(uid, 60, 10) == []
    assert await records.garbage(uid, 0, 10) == [stray]


async def test_a_mark_is_news_once_and_a_write_takes_it_off(records: RepairRecords, collection: Collection) -> None:
    uid = collection.uid
    await write(records, uid, "a", "b")
    a, b = await current(records, uid, "a"), await current(records, uid, "b")
    await write(records, uid, "b")
    bare = [replace(record, spaces=()) for record in (a, b, a_record("c", 1))]
    assert await records.mark(uid, bare) == [True, False, False]
    assert await records.mark(uid, bare[:1]) == [False]
    assert await current(records, uid, "a") == bare[0]
    assert (await current(records, uid, "b")).spaces == a.spaces != ()
    await write(records, uid, "a")
    assert (await current(records, uid, "a")).spaces == a.spaces


async def restore(
    records: RepairRecords, uid: str, *versions: Restoration, seen: int = 0, older_than_seconds: float = 60
) -> Sequence[bool]:
    return await records.restore(uid, seen, versions, older_than_seconds)


async def test_a_restored_record_is_as_a_commit_leaves_it(records: RepairRecords) -> None:
    lost, seen = a_collection(), 9 * 10**15
    restored = await restore(records, lost.uid, Restoration(a_record("a", 7)), Restoration(a_record("b", 4)), seen=seen)
    assert restored == [True, True]
    await records.register(lost, 1e11)
    known = await current(records, lost.uid, "a")
    assert known.version == a_record("a", 7).version
    assert (known.width_px, known.height_px, known.generation) == (640, 480, 7)
    assert known.create_ms == known.update_ms > 0
    assert [record.version.image_id for record in await records.page(lost.uid, "", 10)] == ["a", "b"]
    assert await records.named(lost.uid) == Named(records=2, unfinished=0)
    assert await records.begin(lost.uid, ["a"]) == [seen + 1]


async def test_a_collection_without_images_can_be_written_to_once_restored(records: RepairRecords) -> None:
    lost = a_collection()
    assert await restore(records, lost.uid) == []
    await records.register(lost, 1e11)
    assert await records.collection(lost.name) == lost
    assert await write(records, lost.uid, "a") == [Outcome.CREATED]


async def test_generations_seen_are_never_lowered(records: RepairRecords, collection: Collection) -> None:
    (first,) = await records.begin(collection.uid, ["a"])
    await restore(records, collection.uid, seen=first - 1)
    (second,) = await records.begin(collection.uid, ["a"])
    assert second > first


async def test_a_record_is_replaced_only_where_it_is_the_one_named(
    records: RepairRecords, collection: Collection
) -> None:
    uid = collection.uid
    await write(records, uid, "a")
    old = await current(records, uid, "a")
    newer = a_record("a", old.generation + 5, "b" * 64)
    assert await restore(records, uid, Restoration(newer)) == [False]
    assert await restore(records, uid, Restoration(newer, old.generation + 1)) == [False]
    assert await current(records, uid, "a") == old
    assert await restore(records, uid, Restoration(newer, old.generation)) == [True]
    known = await current(records, uid, "a")
    assert (known.version, known.generation) == (newer.version, newer.generation)
    assert known.create_ms == old.create_ms
    assert await records.garbage(uid, 0, 10) == [old.key]


async def test_a_deleted_image_stays_deleted_and_garbage_stays_garbage(
    records: RepairRecords, collection: Collection
) -> None:
    uid = collection.uid
    await write(records, uid, "a", "b")
    a, b = await current(records, uid, "a"), await current(records, uid, "b")
    await records.delete(uid, ["a", "b"])
    await records.forget(uid, [b.key])
    await records.discard(uid, [RowKey("c", 99)])
    assert await restore(records, uid, Restoration(a), Restoration(b), Restoration(a_record("c", 99))) == [False] * 3
    assert await records.read(uid, ["a", "b", "c"]) == [None, None, None]


async def test_a_write_under_way_is_left_to_its_writer(records: RepairRecords, collection: Collection) -> None:
    uid = collection.uid
    (generation,) = await records.begin(uid, ["a"])
    record = a_record("a", generation)
    assert await restore(records, uid, Restoration(record)) == [False]
    assert await records.read(uid, ["a"]) == [None]
    assert await restore(records, uid, Restoration(record), older_than_seconds=0) == [True]
    assert await records.commit(uid, 1, [record]) == [Outcome.CONFLICT]
