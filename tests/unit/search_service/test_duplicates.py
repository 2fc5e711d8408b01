"""Groups over the stores' twins, against connected components of all pairs of distances."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components

from search_service.duplicates import MAX_GROUP_IDS, DisjointSets, Duplicates
from search_service.ports import CollectionNotFound, ModelNotFound
from search_service.survey import Survey
from search_service.values import Match, Metric, RowKey, Vector
from search_service.writer import NewImage
from servicekit.errors import BackendUnavailable, InvalidField
from tests.labelled_retrieval import euclidean
from tests.unit.search_service.conftest import Core, new_image, vector_of


async def groups(core: Core, max_distance: float, model: str = "a", collection: str = "c") -> list[list[str]]:
    finder = Duplicates(Survey(core.records, core.vectors, at_once=3))
    return [list(group) async for group in finder.groups(collection, model, max_distance)]


def alike(image_id: str, number: int, seed: int = 1) -> NewImage:
    """Return an image whose bytes are no other's, though its vectors may be."""
    return replace(new_image(image_id, number), vectors=new_image(image_id, seed).vectors)


def components(near: npt.NDArray[np.bool_], ids: list[str]) -> list[list[str]]:
    """Return the groups of a relation in the order of their first ids, by scipy."""
    count, numbers = connected_components(near, directed=False)
    members = [sorted(np.array(ids)[numbers == number].tolist()) for number in range(count)]
    return sorted(group for group in members if len(group) > 1)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=40), st.floats(0, 2), st.sampled_from("ab"))
async def test_groups_are_the_components_of_all_pairs(seeds: list[int], max_distance: float, model: str) -> None:
    core = Core()
    await core.create()
    ids = [f"x{i * 37 % 101}" for i in range(len(seeds))]
    await core.put(*(alike(image_id, i, seeds[i]) for i, image_id in enumerate(ids)))
    between = euclidean(np.stack([vector_of(model, seed).vector for seed in seeds]))
    assert await groups(core, max_distance, model) == components(between <= max_distance, ids)


async def test_equal_bytes_are_duplicates_however_their_vectors_were_rounded(core: Core) -> None:
    await core.put(new_image("b", 1), new_image("a", 1), new_image("c", 2))
    for space in core.vectors.spaces.values():
        for key, row in space.items():
            if key.image_id == "a":
                space[key] = replace(row, vector=row.vector * np.float32(0.999))
    assert await groups(core, 0.0) == [["a", "b"]]


async def test_images_just_at_the_distance_are_joined(core: Core) -> None:
    await core.put(alike("x", 1), alike("y", 2), alike("z", 3, seed=3))
    assert await groups(core, 0.0) == [["x", "y"]]


async def test_more_neighbours_than_the_first_look_shows_are_found(core: Core) -> None:
    """The one image that leads on to the next group is the furthest of 60, and of 40 stale rows at no distance."""
    for number in range(40):
        await core.put(alike("moving", 500 + number))
    await core.images.delete("c", ["moving"], None, force=False)
    await core.put(*(alike(f"x{number:02}", number) for number in range(60)))
    await core.put(alike("last", 400, seed=7))
    reach = float(np.linalg.norm(vector_of("a", 1).vector - vector_of("a", 7).vector))
    (group,) = await groups(core, reach + 1e-6)
    assert group == ["last", *(f"x{number:02}" for number in range(60))]


async def test_images_replaced_or_deleted_meanwhile_are_left_out(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    await core.put(
        *(alike(f"x{number}", number) for number in range(5)), alike("y0", 70, seed=3), alike("y1", 71, seed=3)
    )
    search = core.vectors.search

    async def overtaken(space: str, metric: Metric, vector: Vector, limit: int) -> list[Match]:
        found = await search(space, metric, vector, limit)
        await core.put(new_image("x0", 90))
        await core.images.delete("c", ["x2", "y1"], None, force=False)
        return found

    monkeypatch.setattr(core.vectors, "search", overtaken)
    assert await groups(core, 1e-3) == [["x1", "x3", "x4"]]


async def test_an_image_whose_attributes_alone_were_replaced_stays(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [alike("x0", 0), alike("x1", 1)]
    await core.put(*images)
    fetch = core.vectors.fetch

    async def overtaken(space: str, keys: list[RowKey], *, latest: bool = False) -> dict[RowKey, Vector]:
        found = await fetch(space, keys, latest=latest)
        await core.put(replace(images[0], version=replace(images[0].version, attributes={"new": True})))
        return found

    monkeypatch.setattr(core.vectors, "fetch", overtaken)
    assert await groups(core, 1e-3) == [["x0", "x1"]]


async def test_a_huge_group_comes_in_parts_that_begin_with_its_first_id(core: Core) -> None:
    uid = (await core.records.collection("c")).uid
    count = MAX_GROUP_IDS + 1
    names = [f"x{number:05}" for number in range(count)]
    generations = await core.records.begin(uid, names)
    one = new_image("x", 1)
    await core.put(one)
    (record,) = await core.records.read(uid, ["x"])
    assert record is not None
    await core.records.commit(
        uid,
        1,
        [
            replace(record, version=replace(record.version, image_id=name), generation=generation)
            for name, generation in zip(names, generations, strict=True)
        ],
    )
    first, second = await groups(core, 0.0)
    assert (len(first), len(second)) == (MAX_GROUP_IDS, 3)
    assert first[0] == second[0] == "x"
    assert [*first, *second[1:]] == ["x", *names]
    assert all(len(name) <= 128 for name in names)


async def test_nothing_near_is_no_group(core: Core) -> None:
    assert await groups(core, 2.0) == []
    await core.put(new_image("only", 1))
    assert await groups(core, 2.0) == []


@pytest.mark.parametrize(
    ("model", "max_distance", "field"),
    [("a", -0.1, "max_distance"), ("a", 2.1, "max_distance"), ("a", float("nan"), "max_distance"), ("", 1, "model")],
)
async def test_a_wrong_request_names_its_field(core: Core, model: str, max_distance: float, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        await groups(core, max_distance, model)
    assert refused.value.violations[0].field == field


async def test_what_is_not_there_is_not_found(core: Core) -> None:
    with pytest.raises(CollectionNotFound):
        await groups(core, 1.0, collection="none")
    with pytest.raises(ModelNotFound):
        await groups(core, 1.0, "none")


async def test_a_store_that_is_down_ends_the_search(core: Core) -> None:
    await core.put(new_image("a", 1))
    core.vectors.down = True
    with pytest.raises(BackendUnavailable):
        await groups(core, 1.0)


@given(st.integers(1, 30).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.tuples(*[st.integers(0, n - 1)] * 2)))))
def test_sets_are_joined_as_scipy_joins_them(joins: tuple[int, list[tuple[int, int]]]) -> None:
    count, pairs = joins
    sets = DisjointSets(count)
    near = np.eye(count)
    for a, b in pairs:
        sets.join(a, b)
        near[a, b] = 1
    numbers = connected_components(near, directed=False)[1]
    expected = [np.flatnonzero(numbers == number).tolist() for number in dict.fromkeys(numbers)]
    assert sets.groups() == [group for group in expected if len(group) > 1]
