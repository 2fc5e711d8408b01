"""What every record store must do for collections whose models change."""

from dataclasses import replace

from search_service.ports import RecordStore
from search_service.values import Binding, Collection, Coverage, Outcome, RowKey
from tests.contract.test_record_store import a_record, collection, write

__all__ = ["collection"]


async def test_coverage_counts_what_each_space_holds(records: RecordStore, collection: Collection) -> None:
    uid = collection.uid
    assert await records.coverage(uid) == Coverage(0, {})
    await write(records, uid, "a", "b", "c")
    assert (await records.coverage(uid)) == (3, {"0a1b": 3, "2c3d": 3})
    (generation,) = await records.begin(uid, ["b"])
    await records.commit(uid, 1, [replace(a_record("b", generation), spaces=("2c3d",))])
    await records.delete(uid, ["c", "never"])
    assert (await records.coverage(uid)) == (2, {"0a1b": 1, "2c3d": 2})


async def test_what_was_written_for_an_earlier_revision_is_not_committed(
    records: RecordStore, collection: Collection
) -> None:
    uid = collection.uid
    await write(records, uid, "a")
    (late,) = await records.begin(uid, ["a"])
    (new,) = await records.begin(uid, ["b"])
    await records.fence(uid, 2)
    await records.fence(uid, 1)
    assert await records.commit(uid, 1, [a_record("a", late)]) == [Outcome.CHANGED]
    assert await records.commit(uid, 2, [a_record("b", new)]) == [Outcome.CREATED]
    assert await records.garbage(uid, 0, 10) == [RowKey("a", late)]
    assert (await records.coverage(uid)).images == 2


async def test_a_definition_is_replaced_by_the_next_one_only(records: RecordStore, collection: Collection) -> None:
    (first,) = collection.bindings
    second = Binding("shape", "e" * 64, 8, f"likeness_{collection.uid}_beef", building=True)
    await records.retire([second.space])
    assert second.space in await records.retired(0, 1000)
    wider = replace(collection, bindings=(first, second), revision=2)
    await records.retire(["noted"])
    assert await records.redefine(wider)
    assert "noted" in await records.retired(0, 1000)
    assert not await records.redefine(replace(wider, bindings=(first,)))
    assert await records.collection(collection.name) == wider
    assert second.space not in await records.retired(0, 1000)
    assert await records.redefine(replace(wider, bindings=(second,), revision=3), kept=["noted"], retired=[first.space])
    assert first.space in await records.retired(0, 1000)
    assert "noted" not in await records.retired(0, 1000)
    assert first.space not in await records.retired(60, 1000)
    await records.forget_spaces([first.space])
    assert first.space not in await records.retired(0, 1000)


async def test_a_deleted_collection_is_not_redefined(records: RecordStore, collection: Collection) -> None:
    await records.unregister(collection)
    assert not await records.redefine(replace(collection, revision=2))
