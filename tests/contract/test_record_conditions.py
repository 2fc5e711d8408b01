"""What every record store must do with a write that expects the image to have been last written at a certain time."""

import asyncio
from dataclasses import replace

from search_service.ports import RecordStore
from search_service.ports_repair import RepairRecords, Restoration
from search_service.values import Collection, Outcome, Record, RowKey
from tests.contract.test_record_store import a_record, collection, current, write

__all__ = ["collection"]

NEVER = (-1, 0, 1, 10**14)


async def begun(records: RecordStore, uid: str, *image_ids: str) -> list[Record]:
    generations = await records.begin(uid, image_ids)
    return [
        replace(a_record(i, generation, "b" * 64), write_id="w")
        for i, generation in zip(image_ids, generations, strict=True)
    ]


async def write_if(records: RecordStore, uid: str, **expected_ms: int | None) -> list[Outcome]:
    return await records.commit(uid, 1, await begun(records, uid, *expected_ms), list(expected_ms.values()))


async def update_ms(records: RecordStore, uid: str, image_id: str) -> int:
    return (await current(records, uid, image_id)).update_ms


async def test_a_write_lands_only_on_what_was_last_written_when_it_expects(
    records: RecordStore, collection: Collection
) -> None:
    uid = collection.uid
    await write(records, uid, "a", "b")
    (before,) = await records.read(uid, ["a"])
    first = await update_ms(records, uid, "a")
    for wrong in (*NEVER, first - 1, first + 1):
        (record,) = await begun(records, uid, "a")
        assert await records.commit(uid, 1, [record], [wrong]) == [Outcome.STALE]
        assert await records.garbage(uid, 0, 10) == [record.key]
        await records.forget(uid, [record.key])
    assert await records.read(uid, ["a"]) == [before]
    assert await write_if(records, uid, a=first, b=first - 1, c=None) == [
        Outcome.UPDATED,
        Outcome.STALE,
        Outcome.CREATED,
    ]
    (after,) = await records.read(uid, ["a"])
    assert after is not None
    assert (after.version.content_sha256, after.write_id) == ("b" * 64, "w")
    assert after.update_ms > first == after.create_ms
    assert await write_if(records, uid, a=first) == [Outcome.STALE]
    assert await write(records, uid, "a") == [Outcome.UPDATED]
    (last,) = await records.read(uid, ["a"])
    assert last is not None
    assert last.write_id == ""


async def test_an_image_that_is_not_there_was_not_written_at_any_time(
    records: RecordStore, collection: Collection
) -> None:
    uid = collection.uid
    await write(records, uid, "gone")
    last = await update_ms(records, uid, "gone")
    await records.delete(uid, ["gone"])
    for time in (*NEVER, last):
        assert await write_if(records, uid, gone=time, never=time) == [Outcome.STALE] * 2
    assert await records.read(uid, ["gone", "never"]) == [None, None]
    assert await records.count(uid) == 0


async def test_of_two_that_expect_the_same_one_lands(records: RecordStore, collection: Collection) -> None:
    uid = collection.uid
    await write(records, uid, "a")
    time = await update_ms(records, uid, "a")
    both = [await begun(records, uid, "a") for _ in range(2)]
    outcomes = await asyncio.gather(*(records.commit(uid, 1, each, [time]) for each in both))
    assert sorted(outcome.name for (outcome,) in outcomes) == ["STALE", "UPDATED"]


async def test_no_two_writes_of_an_image_have_the_same_time(records: RecordStore, collection: Collection) -> None:
    """However fast they come, and although it is deleted and comes back: whoever expects an earlier one is refused."""
    uid = collection.uid
    times: list[int] = []
    for number in range(12):
        await write(records, uid, "a")
        times.append(await update_ms(records, uid, "a"))
        for _ in range(number % 3):
            await records.delete(uid, ["a"])
    assert times == sorted(set(times))
    await write(records, uid, "a")
    for time in times:
        assert await write_if(records, uid, a=time) == [Outcome.STALE]


async def test_a_fence_comes_before_a_time_and_a_time_before_a_generation(
    records: RecordStore, collection: Collection
) -> None:
    uid = collection.uid
    await write(records, uid, "a")
    time = await update_ms(records, uid, "a")
    late = await begun(records, uid, "a")
    await write(records, uid, "a")
    for _ in range(2):
        assert await records.commit(uid, 1, late, [time]) == [Outcome.STALE]
    again = await begun(records, uid, "a")
    await records.expire(uid, 0, 10)
    assert await records.commit(uid, 1, again, [await update_ms(records, uid, "a")]) == [Outcome.CONFLICT]
    await records.fence(uid, 2)
    assert await write_if(records, uid, a=time) == [Outcome.CHANGED]


async def test_what_mends_a_record_leaves_its_time_and_what_brings_one_back_gives_it_a_new_one(
    records: RepairRecords, collection: Collection
) -> None:
    uid = collection.uid
    await write(records, uid, "a")
    time = await update_ms(records, uid, "a")
    assert await write_if(records, uid, a=time) == [Outcome.UPDATED]
    (known,) = await records.read(uid, ["a"])
    assert known is not None
    bare = replace(known, spaces=())
    assert await records.mark(uid, [bare]) == [True]
    (after,) = await records.read(uid, ["a"])
    assert after == bare
    newer = a_record("a", after.generation + 5)
    assert await records.restore(uid, 0, [Restoration(newer, after.generation)], 60) == [True]
    assert await update_ms(records, uid, "a") > after.update_ms
    assert await write_if(records, uid, a=after.update_ms) == [Outcome.STALE]
    assert RowKey("a", newer.generation) not in await records.garbage(uid, 0, 10)
