"""Records brought back from rows."""

import json
from dataclasses import replace

import pytest

from search_service.ports import CollectionNotFound
from search_service.ports_repair import Finding, Kind, Step
from search_service.values import Binding, Metric, Outcome, Record, Row, RowKey
from tests.unit.search_service.conftest import Core, new_image
from tests.unit.search_service.test_model_change import with_new

COUNT = 10


@pytest.fixture
async def filled(core: Core) -> Core:
    """A core whose collection `c` has ten images, of which two were replaced and one was deleted."""
    await core.put(*(new_image(f"x{i}", i, n=float(i)) for i in range(COUNT)))
    await core.put(new_image("x1", 101), new_image("x2", 102, label="new"))
    await core.images.delete("c", ["x9"], None, force=False)
    core.records.now_ms += 5_000
    await core.sweeper.sweep()
    return core


async def rebuilt(core: Core, *names: str) -> tuple[int, list[Finding]]:
    steps: list[Step] = [step async for step in core.rebuilder.run(names)]
    return sum(step.restored for step in steps), [finding for step in steps for finding in step.findings]


async def listing(core: Core, name: str = "c") -> list[Record]:
    """Return all that is known of every image, its times apart."""
    page = await core.images.page(name, 0, "", None)
    return [replace(record, create_ms=0, update_ms=0) for record in page.records]


async def test_after_a_loss_everything_is_served_again(filled: Core) -> None:
    known, before = await listing(filled), await filled.records.collection("c")
    rows = filled.rows()
    filled.records.lose_everything()
    assert await filled.sweeper.sweep() == 0
    with pytest.raises(CollectionNotFound):
        await filled.records.collection("c")
    assert await rebuilt(filled) == (9, [])
    assert await filled.records.collection("c") == before
    assert await listing(filled) == known
    assert (await filled.found(102))[0] == "x2"
    assert await filled.put(new_image("x2", 102, label="new"), new_image("x9", 9)) == [
        Outcome.UNCHANGED,
        Outcome.CREATED,
    ]
    filled.records.now_ms += 500_000
    assert await filled.sweeper.sweep() == 0
    assert filled.rows() == rows + 2


async def test_a_second_rebuild_and_one_of_what_is_whole_change_nothing(filled: Core) -> None:
    known = await listing(filled)
    assert await rebuilt(filled) == (0, [])
    filled.records.lose_everything()
    await rebuilt(filled)
    assert await rebuilt(filled) == (0, [])
    assert await listing(filled) == known


async def test_new_writes_get_generations_above_all_rows(filled: Core) -> None:
    highest = max(key.generation for rows in filled.vectors.spaces.values() for key in rows)
    filled.records.lose_everything()
    await rebuilt(filled)
    uid = (await filled.records.collection("c")).uid
    assert await filled.records.begin(uid, ["x1"]) == [highest + 1]


async def test_the_newest_complete_version_wins_and_the_others_are_swept(core: Core) -> None:
    """Two versions whole, and a third whose writer died after the first of two rows."""
    await core.put(new_image("x", 1))
    await core.put(new_image("x", 2))
    add_row(core, 0, "x", 50)
    core.records.lose_everything()
    assert await rebuilt(core) == (1, [])
    assert [r.version.content_sha256 for r in await listing(core)] == [new_image("x", 2).version.content_sha256]
    core.records.now_ms += 5_000
    assert await core.sweeper.sweep() == 2
    assert core.rows() == 2


def add_row(core: Core, place: int, image_id: str, generation: int, like: Row | None = None) -> None:
    rows = list(core.vectors.spaces.values())[place]
    like = like or next(iter(rows.values()))
    version = replace(like.record.version, image_id=image_id)
    row = Row(replace(like.record, version=version, generation=generation), like.vector)
    rows[RowKey(image_id, generation)] = row


async def test_images_from_before_a_model_come_back_with_the_models_that_they_have(core: Core) -> None:
    """The activation was forced: seven of ten were never indexed with the new model."""
    await core.put(*(new_image(f"x{i}", i) for i in range(COUNT)))
    await core.models.add("c", Binding("new", "print-new", 6))
    await core.put(*(with_new(new_image(f"x{i}", i)) for i in range(3)))
    await core.models.activate("c", "new", "", force=True)
    core.records.now_ms += 5_000
    await core.sweeper.sweep()
    known, collection = await listing(core), await core.records.collection("c")
    coverage = await core.records.coverage(collection.uid)
    core.records.lose_everything()
    assert await rebuilt(core) == (COUNT, [])
    assert await listing(core) == known
    assert await core.records.coverage(collection.uid) == coverage
    assert (coverage.images, sorted(coverage.by_tag.values())) == (COUNT, [3, COUNT, COUNT])
    assert await rebuilt(core) == (0, [])


@pytest.mark.parametrize("batch", [1, 2, 1000])
@pytest.mark.parametrize("place", [0, 1])
async def test_a_row_for_any_model_brings_an_image_back_and_no_other_space_is_claimed(
    core: Core, monkeypatch: pytest.MonkeyPatch, place: int, batch: int
) -> None:
    monkeypatch.setattr("search_service.restore._BATCH", batch)
    await core.put(*(new_image(name, 1) for name in ("w", "x", "z")))
    add_row(core, place, "y", 50)
    core.records.lose_everything()
    assert await rebuilt(core) == (4, [])
    tags = [binding.tag for binding in (await core.records.collection("c")).bindings]
    assert [record.spaces for record in await listing(core)] == [(*tags,), (*tags,), (tags[place],), (*tags,)]
    core.records.now_ms += 5_000
    assert await core.sweeper.sweep() == 0


async def test_half_of_a_write_that_redis_still_knows_is_not_brought_back(core: Core) -> None:
    uid = (await core.records.collection("c")).uid
    await core.put(new_image("x", 1))
    (generation,) = await core.records.begin(uid, ["y"])
    add_row(core, 1, "y", generation)
    core.records.now_ms += 1_000_000
    assert await rebuilt(core) == (0, [Finding(Kind.INCOMPLETE_IMAGE, "c", image_id="y")])
    assert [record.version.image_id for record in await listing(core)] == ["x"]


async def test_an_image_that_has_a_row_only_for_a_model_that_is_built_is_named(core: Core) -> None:
    await core.put(new_image("x", 1))
    await core.models.add("c", Binding("new", "print-new", 6))
    add_row(core, 2, "y", 50, like=next(iter(next(iter(core.vectors.spaces.values())).values())))
    core.records.lose_everything()
    assert await rebuilt(core) == (1, [Finding(Kind.INCOMPLETE_IMAGE, "c", image_id="y")])


async def test_half_of_a_version_takes_no_place_of_one_that_has_rows(core: Core) -> None:
    """The record has lost one of its rows; a whole version takes its place, half of one only if it has none left."""
    await core.put(new_image("x", 1), new_image("y", 2))
    spaces = list(core.vectors.spaces.values())
    for name in ("x", "y"):
        add_row(core, 1, name, 9_000_000)
    known = {record.version.image_id: record for record in await listing(core)}
    del spaces[0][known["x"].key]
    assert await rebuilt(core) == (0, [])
    for space in spaces:
        space.pop(known["x"].key, None)
    assert await rebuilt(core) == (1, [])
    records = await listing(core)
    assert [record.generation for record in records] == [9_000_000, known["y"].generation]
    assert len(records[0].spaces) == 1


async def test_a_redis_put_back_to_an_earlier_time_gets_what_came_since(core: Core) -> None:
    await core.put(*(new_image(f"x{i}", i) for i in range(COUNT)))
    uid = (await core.records.collection("c")).uid
    shelf = core.records._shelves[uid]
    earlier, generation = dict(shelf.records), shelf.generation
    await core.put(new_image("x1", 101), new_image("new", 77))
    core.records.now_ms += 5_000
    await core.sweeper.sweep()
    known = await listing(core)
    shelf.records, shelf.generation = earlier, generation
    assert await core.sweeper.sweep() == 0
    assert await rebuilt(core) == (2, [])
    assert await listing(core) == known
    assert (await core.found(101))[0] == "x1"


async def test_a_record_whose_rows_are_there_is_never_replaced(core: Core) -> None:
    await core.put(new_image("x", 1))
    known = await listing(core)
    add_row(core, 0, "x", 50)
    add_row(core, 1, "x", 50)
    assert await rebuilt(core) == (0, [])
    assert await listing(core) == known


async def test_what_is_being_written_and_what_was_deleted_is_left_alone(core: Core) -> None:
    await core.put(new_image("gone", 1), new_image("x", 2))
    uid = (await core.records.collection("c")).uid
    (generation,) = await core.records.begin(uid, ["new"])
    for place in (0, 1):
        add_row(core, place, "new", generation)
    await core.images.delete("c", ["gone"], None, force=False)
    restored, _ = await rebuilt(core)
    assert restored == 0
    assert [r.version.image_id for r in await listing(core)] == ["x"]


async def test_a_rebuild_that_dies_midway_is_completed_by_the_next(
    filled: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = await listing(filled)
    monkeypatch.setattr("search_service.restore._BATCH", 4)
    filled.records.lose_everything()
    steps = filled.rebuilder.run(())
    while not (await anext(steps)).restored:
        pass
    await steps.aclose()
    with pytest.raises(CollectionNotFound):
        await filled.records.collection("c")
    await filled.sweeper.sweep()
    restored, findings = await rebuilt(filled)
    assert 0 < restored < len(known)
    assert findings == []
    assert await listing(filled) == known


@pytest.mark.parametrize("batch", [1, 2, 3, 1000])
async def test_versions_of_one_image_are_weighed_together_however_batches_fall(
    core: Core, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    for seed in range(4):
        await core.put(new_image("x", seed), new_image("x-y", seed + 100), new_image("w", seed + 200))
    known = await listing(core)
    monkeypatch.setattr("search_service.restore._BATCH", batch)
    core.records.lose_everything()
    assert await rebuilt(core) == (3, [])
    assert await listing(core) == known


async def test_several_collections_come_back_and_one_can_be_chosen(core: Core) -> None:
    await core.put(new_image("x", 1))
    await core.create("d", Metric.COSINE)
    core.records.lose_everything()
    with pytest.raises(CollectionNotFound):
        await rebuilt(core, "none")
    assert await rebuilt(core, "d") == (0, [])
    assert [c.name for c in await core.records.collections()] == ["d"]
    assert await core.records.begin((await core.records.collection("d")).uid, ["x"]) == [1]
    assert await rebuilt(core) == (1, [])
    assert [(c.name, c.metric) for c in await core.records.collections()] == [("c", Metric.L2), ("d", Metric.COSINE)]


async def test_a_lost_collection_whose_name_was_taken_comes_back_under_another(core: Core) -> None:
    lost = await core.records.collection("c")
    await core.put(new_image("x", 1))
    core.records.lose_everything()
    await core.create("c")
    name = f"c-{lost.uid[:8]}"
    assert await rebuilt(core) == (1, [Finding(Kind.RENAMED_COLLECTION, name)])
    assert [c.name for c in await core.records.collections()] == ["c", name]
    assert [r.version.image_id for r in await listing(core, name)] == ["x"]
    assert await listing(core) == []


async def test_of_two_with_one_name_the_newest_that_holds_images_keeps_it(core: Core) -> None:
    """The first was deleted and not yet cleared away, the third was refused: its name was taken."""
    first = await core.records.collection("c")
    await core.put(new_image("old", 1))
    await core.records.unregister(first)
    second = await core.create("c")
    await core.put(new_image("x", 2))
    third = await refused_creation(core)
    later(core, second.uid, 1)
    later(core, third, 2)
    core.records.lose_everything()
    restored, findings = await rebuilt(core)
    assert restored == 2
    assert findings == [Finding(Kind.RENAMED_COLLECTION, f"c-{first.uid[:8]}")]
    assert [r.version.image_id for r in await listing(core)] == ["x"]


async def refused_creation(core: Core) -> str:
    before = set(core.vectors.spaces)
    with pytest.raises(Exception, match="already"):
        await core.create("c")
    (uid,) = {space.split("_")[1] for space in set(core.vectors.spaces) - before}
    return uid


def later(core: Core, uid: str, ms: int) -> None:
    """Date a collection's creation, which takes no time here, after those before."""
    for space, text in core.vectors.descriptions.items():
        if uid in space:
            fields = json.loads(text)
            core.vectors.descriptions[space] = json.dumps(fields | {"create_ms": fields["create_ms"] + ms})


async def test_a_space_that_says_nothing_of_itself_is_named(core: Core) -> None:
    await core.put(new_image("x", 1))
    uid = (await core.records.collection("c")).uid
    core.vectors.descriptions.update(dict.fromkeys(core.vectors.spaces, '{"uid": 3}'))
    core.records.lose_everything()
    assert await rebuilt(core) == (0, [Finding(Kind.NO_DEFINITION, uid)])
    assert core.rows() == 2
