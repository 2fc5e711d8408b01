"""Rows that nothing names and records that lack rows: found, mended, and nothing else touched."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from search_service.ports import CollectionNotFound
from search_service.ports_repair import Finding, Kind, LeaseLost, MaintenanceRunning
from search_service.values import Outcome, Row, RowKey
from tests.unit.search_service.conftest import Core, new_image

COUNT = 24


@pytest.fixture
async def filled(core: Core) -> Core:
    """A core whose collection `c` has images enough that a stray row or two are less than a tenth."""
    await core.put(*(new_image(f"x{i:02}", i) for i in range(COUNT)))
    return core


async def reconciled(core: Core, *, repair: bool = False, force: bool = False) -> list[Finding]:
    steps = [step async for step in core.reconciler.run((), repair=repair, force=force)]
    assert all(step.done <= step.total for step in steps)
    return [finding for step in steps for finding in step.findings]


def kinds(findings: Sequence[Finding]) -> list[tuple[Kind, str, str, bool]]:
    return sorted(((f.kind, f.model, f.image_id, f.repaired) for f in findings), key=repr)


def put_back(core: Core, key: RowKey, models: Sequence[int] = (0, 1)) -> None:
    """Insert rows behind the core's back, like those of x00."""
    for place in models:
        rows = list(core.vectors.spaces.values())[place]
        like = next(row for row in rows.values() if row.record.version.image_id == "x00")
        version = replace(like.record.version, image_id=key.image_id)
        rows[key] = Row(replace(like.record, version=version, generation=key.generation), like.vector)


async def swept(core: Core) -> int:
    core.records.now_ms += 5_000
    return await core.sweeper.sweep()


async def test_stores_that_agree_are_found_to(filled: Core) -> None:
    assert await reconciled(filled) == []
    steps = [step async for step in filled.reconciler.run(["c"], repair=False, force=False)]
    assert (steps[-1].collection, steps[-1].done, steps[-1].total) == ("c", 3 * COUNT, 3 * COUNT)


async def test_rows_put_back_are_found_repaired_and_gone(filled: Core) -> None:
    before = filled.rows()
    put_back(filled, RowKey("x01", 1_000))
    put_back(filled, RowKey("unknown", 3), models=[1])
    orphans = [(Kind.ORPHAN_ROW, "a", "x01", False), (Kind.ORPHAN_ROW, "b", "unknown", False)]
    assert kinds(await reconciled(filled)) == sorted([*orphans, (Kind.ORPHAN_ROW, "b", "x01", False)], key=repr)
    assert await swept(filled) == 0, "what is only reported stays"
    found = await reconciled(filled, repair=True)
    assert kinds(found) == [(Kind.ORPHAN_ROW, "a", "x01", True), (Kind.ORPHAN_ROW, "b", "unknown", True)]
    assert "unknown" not in await filled.found(0)
    assert await reconciled(filled, repair=True) == []
    assert await swept(filled) == 2
    assert filled.rows() == before
    assert await reconciled(filled) == []


async def test_images_that_lack_rows_are_named_and_written_anew(filled: Core) -> None:
    space = list(filled.vectors.spaces)[1]
    (record,) = await filled.records.read((await filled.records.collection("c")).uid, ["x03"])
    assert record is not None
    await filled.vectors.delete(space, [record.key])
    assert kinds(await reconciled(filled)) == [(Kind.MISSING_ROW, "b", "x03", False)]
    assert await filled.put(new_image("x03", 3)) == [Outcome.UNCHANGED]
    assert kinds(await reconciled(filled, repair=True)) == [(Kind.MISSING_ROW, "b", "x03", True)]
    assert kinds(await reconciled(filled, repair=True)) == [(Kind.MISSING_ROW, "b", "x03", False)], "nothing new to do"
    assert await filled.put(new_image("x03", 3)) == [Outcome.UPDATED]
    assert await filled.put(new_image("x03", 3)) == [Outcome.UNCHANGED]
    await swept(filled)
    assert await reconciled(filled, repair=True) == []
    assert (await filled.found(3))[0] == "x03"


async def test_a_space_that_is_gone_is_made_again_and_every_image_named(filled: Core) -> None:
    space = next(iter(filled.vectors.spaces))
    described = filled.vectors.descriptions[space]
    await filled.vectors.drop(space)
    found = await reconciled(filled)
    assert [f.kind for f in found] == [Kind.MISSING_SPACE] + [Kind.MISSING_ROW] * COUNT
    assert space not in filled.vectors.spaces
    found = await reconciled(filled, repair=True)
    assert all(f.repaired and f.model == "a" for f in found)
    assert filled.vectors.descriptions[space] == described
    assert await filled.put(*(new_image(f"x{i:02}", i) for i in range(COUNT))) == [Outcome.UPDATED] * COUNT
    assert (await filled.found(5))[0] == "x05"


async def test_writes_under_way_are_no_orphans(filled: Core) -> None:
    uid = (await filled.records.collection("c")).uid
    (generation,) = await filled.records.begin(uid, ["new"])
    put_back(filled, RowKey("new", generation))
    assert await reconciled(filled, repair=True) == []


async def test_what_was_replaced_between_two_looks_is_not_reported(
    filled: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that were scanned, and records that were read, before a write that replaces them and a sweep."""
    held = filled.vectors.held

    async def overtaken(space: str, keys: Sequence[RowKey]) -> set[RowKey]:
        monkeypatch.setattr(filled.vectors, "held", held)
        await filled.put(new_image("x07", 700))
        for rows in filled.vectors.spaces.values():
            for key in [key for key in rows if key.image_id == "x07"][:1]:
                del rows[key]
        return await held(space, keys)

    monkeypatch.setattr(filled.vectors, "held", overtaken)
    assert await reconciled(filled, repair=True) == []
    assert filled.vectors.held == held, "the case arose"


async def test_a_row_swept_after_it_was_scanned_is_no_orphan(filled: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = filled.vectors.scan
    gone = RowKey("x09", 500)
    put_back(filled, gone)

    async def then_swept(space: str, after: RowKey | None, limit: int) -> object:
        rows = await scan(space, after, limit)
        filled.vectors.spaces[space].pop(gone, None)
        return rows

    monkeypatch.setattr(filled.vectors, "scan", then_swept)
    assert await reconciled(filled, repair=True) == []


async def test_over_a_tenth_without_a_record_is_repaired_only_by_force(filled: Core) -> None:
    for i in range(COUNT // 2):
        put_back(filled, RowKey(f"x{i:02}", 900 + i), models=[0])
    found = await reconciled(filled, repair=True)
    assert found[0] == Finding(Kind.RECORDS_FELL, "c")
    assert not any(f.repaired for f in found)
    assert filled.guard.refused == ["c"]
    found = await reconciled(filled, repair=True, force=True)
    assert len(found) == 1 + COUNT // 2
    assert all(f.repaired for f in found)
    assert filled.guard.refused == []
    assert await swept(filled) == COUNT // 2
    assert await reconciled(filled) == []


async def test_a_lost_collection_is_named(filled: Core) -> None:
    filled.records.lose_everything()
    assert await reconciled(filled, repair=True, force=True) == [Finding(Kind.LOST_COLLECTION, "c")]
    assert filled.rows() == 2 * COUNT


async def test_a_collection_that_is_not_there_is_refused(filled: Core) -> None:
    with pytest.raises(CollectionNotFound):
        _ = [step async for step in filled.reconciler.run(["none"], repair=False, force=False)]


async def test_one_works_at_a_time_and_a_reader_that_goes_frees_the_lease(filled: Core) -> None:
    steps = filled.reconciler.run((), repair=False, force=False)
    await anext(steps)
    with pytest.raises(MaintenanceRunning, match="a reconcile"):
        await reconciled(filled)
    with pytest.raises(MaintenanceRunning, match="a reconcile"):
        await filled.sweeper.sweep()
    await steps.aclose()
    assert await reconciled(filled) == []


async def test_a_worker_whose_lease_ran_out_changes_nothing_more(filled: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    put_back(filled, RowKey("x01", 1_000))
    unnamed = filled.records.unnamed

    async def slow(uid: str, keys: Sequence[RowKey]) -> list[RowKey]:
        found = await unnamed(uid, keys)
        monkeypatch.setattr("search_service.lease.Turn.require", raise_lost)
        return found

    def raise_lost(_: object) -> None:
        raise LeaseLost("lost")

    monkeypatch.setattr(filled.records, "unnamed", slow)
    with pytest.raises(LeaseLost):
        await reconciled(filled, repair=True)
    monkeypatch.undo()
    assert kinds(await reconciled(filled, repair=True)) == [(Kind.ORPHAN_ROW, "a", "x01", True)]
