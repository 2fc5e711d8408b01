"""What every record store must do."""

import secrets

import pytest

from search_service.ports import CollectionExists, CollectionNotFound, RecordStore
from search_service.values import Binding, Collection, IndexSpec, Metric, Outcome, Record, RowKey, Version
from servicekit.errors import BackendUnavailable

ATTRIBUTES = {"label": "tench", "size": 1.5, "deep": {"list": [1.0, None, True, "|#ü"]}}


def a_collection(name: str = "") -> Collection:
    uid = secrets.token_hex(8)
    binding = Binding("colour", "f" * 64, 12, f"space_{uid}")
    return Collection(uid, name or f"c-{uid}", Metric.COSINE, IndexSpec("HNSW", 8), (binding,), "words", 17)


def a_record(image_id: str, generation: int, sha256: str = "a" * 64) -> Record:
    return Record(Version(image_id, sha256, "file:///x|y", ATTRIBUTES), 640, 480, generation, spaces=("0a1b", "2c3d"))


@pytest.fixture
async def collection(records: RecordStore) -> Collection:
    made = a_collection()
    await records.prepare(made)
    await records.register(made, 60)
    return made


async def write(records: RecordStore, uid: str, *image_ids: str) -> list[Outcome]:
    generations = await records.begin(uid, image_ids)
    return await records.commit(uid, 1, [a_record(i, g) for i, g in zip(image_ids, generations, strict=True)])


async def current(records: RecordStore, uid: str, image_id: str) -> Record:
    (known,) = await records.read(uid, [image_id])
    assert known is not None
    return known


async def test_a_collection_is_visible_once_registered(records: RecordStore) -> None:
    made = a_collection()
    await records.prepare(made)
    with pytest.raises(CollectionNotFound):
        await records.collection(made.name)
    assert made in await records.dropped(0)
    await records.register(made, 60)
    assert await records.collection(made.name) == made
    assert made in await records.collections()
    assert made not in await records.dropped(0)


async def test_a_collection_that_may_be_being_cleared_away_is_not_registered(records: RecordStore) -> None:
    made = a_collection()
    for within_seconds in (60, 0):
        with pytest.raises(BackendUnavailable):
            await records.register(made, within_seconds)
        await records.prepare(made)
    with pytest.raises(CollectionNotFound):
        await records.collection(made.name)
    await records.register(made, 60)
    assert await records.collection(made.name) == made


async def test_a_name_is_taken_once(records: RecordStore, collection: Collection) -> None:
    second = a_collection(collection.name)
    await records.prepare(second)
    with pytest.raises(CollectionExists):
        await records.register(second, 60)
    assert await records.collection(collection.name) == collection
    await records.unregister(second)
    assert await records.collection(collection.name) == collection


async def test_a_deleted_collection_is_hidden_then_cleared(records: RecordStore, collection: Collection) -> None:
    await write(records, collection.uid, "a")
    await records.unregister(collection)
    with pytest.raises(CollectionNotFound):
        await records.collection(collection.name)
    assert collection in await records.dropped(0)
    assert collection not in await records.dropped(60)
    await records.clear(collection)
    assert collection not in await records.dropped(0)
    assert await records.count(collection.uid) == 0
    with pytest.raises(CollectionNotFound):
        await records.begin(collection.uid, ["a"])


async def test_a_committed_record_is_read_back_whole(records: RecordStore, collection: Collection) -> None:
    (generation,) = await records.begin(collection.uid, ["a"])
    assert await records.read(collection.uid, ["a"]) == [None]
    assert await records.commit(collection.uid, 1, [a_record("a", generation)]) == [Outcome.CREATED]
    (known,) = await records.read(collection.uid, ["a"])
    assert known is not None
    assert known.version == a_record("a", generation).version
    assert (known.width_px, known.height_px, known.generation) == (640, 480, generation)
    assert known.create_ms == known.update_ms > 0


async def test_an_update_keeps_the_creation_and_leaves_garbage(records: RecordStore, collection: Collection) -> None:
    await write(records, collection.uid, "a", "b")
    (before,) = await records.read(collection.uid, ["a"])
    assert await write(records, collection.uid, "a") == [Outcome.UPDATED]
    (after,) = await records.read(collection.uid, ["a"])
    assert before is not None
    assert after is not None
    assert after.generation > before.generation
    assert after.create_ms == before.create_ms
    assert await records.garbage(collection.uid, 60, 10) == []
    assert await records.garbage(collection.uid, 0, 10) == [before.key]
    await records.forget(collection.uid, [before.key])
    assert await records.garbage(collection.uid, 0, 10) == []


async def test_a_version_is_deleted_only_while_it_is_the_present_one(
    records: RecordStore, collection: Collection
) -> None:
    uid = collection.uid
    await write(records, uid, "a", "b")
    stale = [record.generation for record in await records.read(uid, ["a", "b"]) if record]
    await write(records, uid, "a")
    assert await records.delete(uid, ["a", "b", "c"], [*stale, 7]) == [False, True, False]
    kept, gone, never = await records.read(uid, ["a", "b", "c"])
    assert kept is not None
    assert gone is never is None
    assert await write(records, uid, "a", "c") == [Outcome.UPDATED, Outcome.CREATED]


async def test_generations_are_never_given_twice(records: RecordStore, collection: Collection) -> None:
    given = [g for _ in range(5) for g in await records.begin(collection.uid, ["a", "b", "a-very:long/id@x"])]
    assert len(set(given)) == len(given)
    assert given == sorted(given)


async def test_the_later_of_two_writes_wins_in_either_order(records: RecordStore, collection: Collection) -> None:
    uid = collection.uid
    (first,) = await records.begin(uid, ["a"])
    (second,) = await records.begin(uid, ["a"])
    assert await records.commit(uid, 1, [a_record("a", second)]) == [Outcome.CREATED]
    assert await records.commit(uid, 1, [a_record("a", first)]) == [Outcome.CONFLICT]
    assert await records.garbage(uid, 0, 10) == [RowKey("a", first)]
    (known,) = await records.read(uid, ["a"])
    assert known is not None
    assert known.generation == second


async def test_a_commit_happens_once(records: RecordStore, collection: Collection) -> None:
    (generation,) = await records.begin(collection.uid, ["a"])
    record = a_record("a", generation)
    assert await records.commit(collection.uid, 1, [record]) == [Outcome.CREATED]
    assert await records.commit(collection.uid, 1, [record]) == [Outcome.CONFLICT]


async def test_a_delete_stops_writes_begun_before_it(records: RecordStore, collection: Collection) -> None:
    uid = collection.uid
    await write(records, uid, "a")
    (late,) = await records.begin(uid, ["a"])
    (unborn,) = await records.begin(uid, ["b"])
    assert await records.delete(uid, ["a", "b"]) == [True, False]
    assert await records.commit(uid, 1, [a_record("a", late), a_record("b", unborn)]) == [Outcome.CONFLICT] * 2
    assert await records.read(uid, ["a", "b"]) == [None, None]
    assert await write(records, uid, "a") == [Outcome.CREATED]
    assert await records.count(uid) == 1


async def test_expired_intents_become_garbage_and_cannot_commit(records: RecordStore, collection: Collection) -> None:
    uid = collection.uid
    (stale,) = await records.begin(uid, ["a"])
    assert await records.expire(uid, 60, 10) == (0, 0)
    assert await records.expire(uid, 0, 10) == (1, 0)
    assert await records.garbage(uid, 0, 10) == [RowKey("a", stale)]
    assert await records.commit(uid, 1, [a_record("a", stale)]) == [Outcome.CONFLICT]
    assert await records.read(uid, ["a"]) == [None]


async def test_a_tombstone_outlives_every_write_that_could_meet_it(
    records: RecordStore, collection: Collection
) -> None:
    uid = collection.uid
    await write(records, uid, "a")
    (late,) = await records.begin(uid, ["a"])
    await records.delete(uid, ["a"])
    await records.expire(uid, 60, 10)
    assert await records.commit(uid, 1, [a_record("a", late)]) == [Outcome.CONFLICT]


async def test_pages_are_in_byte_order_and_stable_under_writes(records: RecordStore, collection: Collection) -> None:
    uid = collection.uid
    ids = sorted(["B", "a", "a/1", "a:2", "b", "c", "z@-._"])
    await write(records, uid, *ids)
    first = await records.page(uid, "", 3)
    await write(records, uid, "A")
    await records.delete(uid, [ids[1]])
    rest = await records.page(uid, first[-1].version.image_id, 100)
    assert [record.version.image_id for record in first + rest] == ids
    assert await records.page(uid, ids[-1], 3) == []


async def test_to_confirm_changes_nothing(records: RecordStore, collection: Collection) -> None:
    uid = collection.uid
    await write(records, uid, "a")
    (pending,) = await records.begin(uid, ["b"])
    before = await records.read(uid, ["a", "b"])
    await records.confirm(uid)
    await records.confirm(a_collection().uid)
    assert await records.read(uid, ["a", "b"]) == before
    assert await records.commit(uid, 1, [a_record("b", pending)]) == [Outcome.CREATED]


async def test_it_answers(records: RecordStore) -> None:
    await records.check()
