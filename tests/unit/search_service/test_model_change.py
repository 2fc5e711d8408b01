"""A collection gains a model, changes to it, and loses one, over the stores' twins."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from search_service.model_change import ModelChanges
from search_service.ports import CollectionChanged, FingerprintMismatch, ForceRequired, IndexIncomplete, ModelNotFound
from search_service.query import Query
from search_service.values import Binding, Outcome, Record
from search_service.writer import ModelVector, NewImage
from servicekit.errors import InvalidField
from tests.unit.search_service.conftest import Core, new_image

NEW = Binding("new", "print-new", 6)


def with_new(image: NewImage) -> NewImage:
    """Return the image with a vector of the new model too."""
    seed = int(image.version.content_sha256, 16)
    vector = np.random.default_rng([seed, 6]).normal(size=6)
    own = ModelVector("new", "print-new", (vector / np.linalg.norm(vector)).astype(np.float32))
    return replace(image, vectors=[*image.vectors, own])


@pytest.fixture
def changes(core: Core) -> ModelChanges:
    return ModelChanges(core.records, core.vectors)


async def models_searched(core: Core, image_id: str) -> list[str]:
    return [ranking.model for ranking in (await core.index.search(Query("c", image_id=image_id))).rankings]


async def lacking(core: Core) -> list[str]:
    page = await core.images.page("c", 100, "", None, missing_model="new")
    return [record.version.image_id for record in page.records]


async def test_a_model_is_built_beside_the_others_and_then_takes_a_place(core: Core, changes: ModelChanges) -> None:
    images = [new_image(f"x{i}", i) for i in range(5)]
    await core.put(*images)
    added = await changes.add("c", NEW)
    assert [(b.model, b.building) for b in added.collection.bindings] == [("a", False), ("b", False), ("new", True)]
    assert await models_searched(core, "x0") == ["a", "b"]
    assert await lacking(core) == [f"x{i}" for i in range(5)]
    assert await core.put(*(with_new(image) for image in images[:3])) == [Outcome.UPDATED] * 3
    assert await lacking(core) == ["x3", "x4"]
    with pytest.raises(IndexIncomplete, match="2 of 5"):
        await changes.activate("c", "new", "a", force=False)
    await core.put(*(with_new(image) for image in images[3:]))
    done = await changes.activate("c", "new", "a", force=False)
    assert [(b.model, b.building) for b in done.collection.bindings] == [("b", False), ("new", False)]
    assert await models_searched(core, "x0") == ["b", "new"]
    core.records.now_ms += 200_000
    await core.sweeper.sweep()
    assert core.rows() == 10
    # One more holds no rows: it keeps the definition.
    assert len(core.vectors.spaces) == 1 + len(done.collection.bindings)
    assert core.vectors.spaces.keys() > {binding.space for binding in done.collection.bindings}


async def test_every_step_may_be_repeated(core: Core, changes: ModelChanges) -> None:
    first = await changes.add("c", NEW)
    assert (await changes.add("c", NEW)).collection == first.collection
    done = await changes.activate("c", "new", "a", force=False)
    assert (await changes.activate("c", "new", "a", force=False)).collection == done.collection
    gone = await changes.remove("c", "b", force=True)
    assert (await changes.remove("c", "b", force=True)).collection == gone.collection
    assert [binding.model for binding in gone.collection.bindings] == ["new"]


async def test_a_model_that_is_built_is_not_searched_with(core: Core, changes: ModelChanges) -> None:
    await core.put(new_image("x", 1))
    await changes.add("c", NEW)
    with pytest.raises(IndexIncomplete):
        await core.index.search(Query("c", image_id="x", models=["new"]))


async def test_building_ends_without_a_trace(core: Core, changes: ModelChanges) -> None:
    await core.put(new_image("x", 1))
    before = core.rows()
    await changes.add("c", NEW)
    await core.put(with_new(new_image("x", 1)))
    await changes.remove("c", "new", force=False)
    core.records.now_ms += 200_000
    await core.sweeper.sweep()
    assert core.rows() == before
    assert await core.put(new_image("x", 1)) == [Outcome.UNCHANGED]


async def test_a_write_begun_before_is_refused_as_a_whole(core: Core, changes: ModelChanges) -> None:
    old = await core.records.collection("c")
    await changes.add("c", NEW)
    with pytest.raises(CollectionChanged):
        await core.put(new_image("x", 1))
    (generation,) = await core.records.begin(old.uid, ["x"])
    # What a writer does that read the definition before the change.
    assert await core.records.commit(old.uid, old.revision, [_record("x", generation)]) == [Outcome.CHANGED]
    assert await core.records.count(old.uid) == 0


@pytest.mark.parametrize("replaced", ["", "a"])
async def test_a_write_begun_before_a_model_came_is_begun_anew_though_searches_use_it_by_now(
    core: Core, changes: ModelChanges, replaced: str
) -> None:
    await changes.add("c", NEW)
    await changes.activate("c", "new", replaced, force=False)
    with pytest.raises(CollectionChanged, match="no vector of model 'new'") as changed:
        await core.put(new_image("x", 1))
    assert changed.value.metadata == {"collection": "changed"}
    assert await core.put(with_new(new_image("x", 1))) == [Outcome.CREATED]


async def test_writes_race_an_addition_and_none_goes_uncounted(core: Core, changes: ModelChanges) -> None:
    async def write(i: int) -> None:
        for image in (new_image(f"x{i}", i), with_new(new_image(f"x{i}", i))):
            try:
                await core.put(image)
            except CollectionChanged:
                continue

    await asyncio.gather(changes.add("c", NEW), *(write(i) for i in range(30)))
    collection = await core.records.collection("c")
    coverage = await core.records.coverage(collection.uid)
    assert coverage.images == 30
    assert coverage.by_tag[collection.bindings[2].tag] == 30 - len(await lacking(core))


async def test_what_cannot_be_changed_is_refused(core: Core, changes: ModelChanges) -> None:
    await changes.add("c", NEW)
    with pytest.raises(FingerprintMismatch):
        await changes.add("c", replace(NEW, fingerprint="other"))
    with pytest.raises(ModelNotFound):
        await changes.activate("c", "nobody", "", force=True)
    with pytest.raises(ForceRequired):
        await changes.remove("c", "a", force=False)
    await changes.remove("c", "a", force=True)
    with pytest.raises(InvalidField, match="last one"):
        await changes.remove("c", "b", force=True)
    for i in range(14):
        await changes.add("c", Binding(f"m{i}", f"print-{i}", 4))
    with pytest.raises(InvalidField, match="16 models"):
        await changes.add("c", Binding("one-more", "print", 4))


async def test_a_forced_change_finds_what_has_a_vector(core: Core, changes: ModelChanges) -> None:
    await core.put(new_image("x", 1), new_image("y", 2))
    await changes.add("c", NEW)
    await core.put(with_new(new_image("x", 1)))
    await changes.activate("c", "new", "", force=True)
    answer = await core.index.search(Query("c", image_id="x", models=["new"]))
    assert [near.image_id for near in answer.rankings[0].neighbours] == ["x"]
    with pytest.raises(IndexIncomplete):
        await core.index.search(Query("c", image_id="y", models=["new"]))


async def test_an_addition_that_died_leaves_a_space_to_be_dropped(core: Core, changes: ModelChanges) -> None:
    collection = await core.records.collection("c")
    space = f"likeness_{collection.uid}_dead"
    await core.records.retire([space])
    await core.vectors.create(space, 6, collection.metric, collection.index)
    await core.sweeper.sweep()
    assert space in core.vectors.spaces
    core.records.now_ms += 200_000
    await core.sweeper.sweep()
    assert space not in core.vectors.spaces


def _record(image_id: str, generation: int) -> Record:
    return Record(new_image(image_id, 1).version, 4, 3, generation)


@pytest.mark.parametrize("later_ms", [0, 200_000])
async def test_a_rebuild_knows_the_models_as_they_were_last(core: Core, changes: ModelChanges, later_ms: int) -> None:
    """Whether the space of the model that went is still there or dropped."""
    await core.put(new_image("x", 1))
    await changes.add("c", NEW)
    await core.put(with_new(new_image("x", 1)))
    await changes.activate("c", "new", "a", force=False)
    await core.put(with_new(new_image("y", 2)))
    before = await core.records.collection("c")
    core.records.now_ms += later_ms
    await core.sweeper.sweep()
    core.records.lose_everything()
    findings = [finding async for step in core.rebuilder.run([]) for finding in step.findings]
    assert findings == []
    assert (await core.records.collection("c")).bindings == before.bindings
    assert (await core.records.coverage(before.uid)) == (2, {binding.tag: 2 for binding in before.bindings})
    assert await models_searched(core, "y") == ["b", "new"]


async def test_a_collection_is_cleared_away_with_all_that_was_noted_of_it(core: Core, changes: ModelChanges) -> None:
    await changes.add("c", NEW)
    await changes.activate("c", "new", "a", force=False)
    await core.catalogue.delete("c", force=True)
    core.records.now_ms += 200_000
    await core.sweeper.sweep()
    assert core.vectors.spaces == {}
