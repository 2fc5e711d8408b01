"""What is not deleted, and not served, when records seem to be lost."""

import asyncio

import pytest

from search_service.guard import Guard
from search_service.values import Collection, IndexSpec, Metric, Record, Row, Version
from servicekit.errors import BackendUnavailable
from tests.unit.search_service.conftest import Core, new_image, vector_of

COUNT = 30


@pytest.fixture
async def filled(core: Core) -> Core:
    await core.put(*(new_image(f"x{i:02}", i) for i in range(COUNT)))
    return core


async def due(core: Core) -> None:
    """Leave something for a sweep to delete."""
    await core.put(new_image("x00", 1_000))
    core.records.now_ms += 5_000


async def lose(core: Core, count: int) -> None:
    """Take records away, as a Redis that was put back to an earlier time has."""
    shelf = core.records._shelves[(await core.records.collection("c")).uid]
    for image_id in sorted(shelf.records)[-count:]:
        del shelf.records[image_id]


async def test_all_is_well_while_records_and_rows_agree(filled: Core) -> None:
    await due(filled)
    await filled.guard.check()
    assert await filled.sweeper.sweep() == 1
    await filled.guard.check()


async def test_an_empty_redis_over_a_full_milvus_is_not_served_and_loses_nothing(filled: Core) -> None:
    await due(filled)
    rows = filled.rows()
    filled.records.lose_everything()
    filled.records.now_ms += 1_000_000
    for _ in range(2):
        assert await filled.sweeper.sweep() == 0
        with pytest.raises(BackendUnavailable):
            await filled.guard.check()
    assert filled.rows() == rows
    _ = [step async for step in filled.rebuilder.run(())]
    await filled.guard.check()


async def test_a_loss_while_serving_is_noticed_at_the_next_look(filled: Core) -> None:
    await filled.guard.check()
    filled.records.lose_everything()
    await filled.guard.look()
    with pytest.raises(BackendUnavailable):
        await filled.guard.check()


@pytest.mark.parametrize("made", [False, True])
async def test_a_redis_that_is_emptied_while_serving_is_noticed_at_the_next_check(filled: Core, made: bool) -> None:
    """Also where a collection is made at once in the empty one, and where it had been away before."""
    await filled.guard.check()
    collections = filled.records.collections
    filled.records.collections = away  # type: ignore[method-assign]
    await filled.guard.check()
    filled.records.collections = collections  # type: ignore[method-assign]
    filled.records.lose_everything()
    if made:
        await filled.create()
    for _ in range(2):
        with pytest.raises(BackendUnavailable):
            await filled.guard.check()
    with pytest.raises(BackendUnavailable):
        filled.guard.require_records()
    _ = [step async for step in filled.rebuilder.run(())]
    await filled.guard.check()


async def away() -> list[Collection]:
    raise BackendUnavailable("the record store does not answer")


async def test_collections_that_are_made_and_deleted_meanwhile_are_not_lost(core: Core) -> None:
    await core.guard.check()
    await core.create("d")
    await core.guard.check()
    for name in ("c", "d"):
        await core.catalogue.delete(name, force=True)
    await core.guard.check()
    core.records.now_ms += 1_000_000
    await core.sweeper.sweep()
    await core.guard.check()


async def test_a_collection_that_was_made_since_the_last_look_is_missed_too(core: Core) -> None:
    await core.guard.check()
    await core.create("d")
    await core.guard.check()
    await core.writer.upsert("d", [new_image("x", 1)])
    core.records.lose_everything()
    with pytest.raises(BackendUnavailable):
        await core.guard.check()


async def test_others_collections_in_a_shared_milvus_are_not_lost(filled: Core) -> None:
    filled.records.lose_everything()
    await Guard(filled.records, filled.vectors, shared_milvus=True).check()


async def test_empty_spaces_and_those_of_collections_in_the_making_are_not_lost(core: Core) -> None:
    collection = await core.records.collection("c")
    await core.records.unregister(collection)
    await core.guard.check()
    core.records.lose_everything()
    await core.guard.look()
    await core.guard.check()


async def test_spaces_of_others_are_not_lost(core: Core) -> None:
    for name in ("theirs", "likeness_xyz_1", "likeness_"):
        await core.vectors.create(name, 4, Metric.L2, IndexSpec())
        await core.vectors.insert(name, [Row(Record(Version("x", "0" * 64), 1, 1, 1), vector_of("b", 1).vector)])
    await core.guard.check()


@pytest.mark.parametrize(("lost", "swept"), [(3, 1), (4, 0), (COUNT, 0)])
async def test_nothing_is_deleted_once_over_a_tenth_of_the_records_are_gone(
    filled: Core, lost: int, swept: int
) -> None:
    """31 rows in a space: a tenth is 3.1."""
    await due(filled)
    rows = filled.rows()
    await lose(filled, lost)
    assert await filled.sweeper.sweep() == swept
    assert filled.rows() == rows - 2 * swept
    if not swept:
        assert filled.guard.refused == ["c"]
        with pytest.raises(BackendUnavailable):
            await filled.guard.check()


async def test_intents_of_writers_that_died_are_kept_too(filled: Core) -> None:
    """A Redis of an earlier time has intents that were committed since: their rows are the live ones."""
    uid = (await filled.records.collection("c")).uid
    await filled.records.begin(uid, ["x00"])
    await lose(filled, COUNT)
    filled.records.now_ms += 1_000_000
    assert await filled.sweeper.sweep() == 0
    assert await filled.records.garbage(uid, 0, 10) == []


async def test_serving_goes_on_once_the_records_are_back(filled: Core) -> None:
    await due(filled)
    await lose(filled, COUNT)
    await filled.sweeper.sweep()
    _ = [step async for step in filled.rebuilder.run(())]
    await filled.guard.check()
    assert await filled.sweeper.sweep() == 1
    assert filled.rows() == 2 * COUNT


async def test_a_refusal_is_looked_at_again_even_if_nothing_is_due(filled: Core) -> None:
    uid = (await filled.records.collection("c")).uid
    records = dict(filled.records._shelves[uid].records)
    await lose(filled, COUNT)
    assert await filled.guard.refuses(await filled.records.collection("c"))
    filled.records._shelves[uid].records = records
    await filled.sweeper.sweep()
    await filled.guard.check()


async def test_a_refusal_is_forgotten_with_its_collection(filled: Core) -> None:
    await due(filled)
    await lose(filled, COUNT - 1)
    await filled.sweeper.sweep()
    assert filled.guard.refused == ["c"]
    await filled.catalogue.delete("c", force=True)
    await filled.sweeper.sweep()
    await filled.guard.check()


async def test_a_collection_to_be_cleared_away_with_rows_and_no_names_is_kept(filled: Core) -> None:
    """As it stands in a Redis of a time at which the collection was about to be made."""
    collection = await filled.records.collection("c")
    filled.records.lose_everything()
    await filled.records.prepare(collection)
    filled.records.now_ms += 1_000_000
    await filled.sweeper.sweep()
    assert filled.rows() == 2 * COUNT
    _ = [step async for step in filled.rebuilder.run(())]
    assert await filled.records.count(collection.uid) == COUNT
    filled.records.now_ms += 1_000_000
    await filled.sweeper.sweep()
    await filled.guard.check()
    assert filled.rows() == 2 * COUNT


async def test_deleted_collections_are_cleared_away_as_ever(filled: Core) -> None:
    await filled.catalogue.delete("c", force=True)
    filled.records.now_ms += 1_000_000
    await filled.sweeper.sweep()
    assert filled.vectors.spaces == {}
    await filled.guard.look()
    await filled.guard.check()


async def test_a_first_look_that_takes_longer_than_a_check_ends_all_the_same(filled: Core) -> None:
    names, going_on = filled.vectors.space_names, asyncio.Event()

    async def slowly() -> list[str]:
        await going_on.wait()
        return await names()

    filled.vectors.space_names = slowly  # type: ignore[method-assign]
    guard = Guard(filled.records, filled.vectors, shared_milvus=False)
    for _ in range(2):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(guard.check(), 0.01)
    going_on.set()
    await guard.check()
