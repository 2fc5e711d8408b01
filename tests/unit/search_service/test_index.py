"""Searches over the stores' twins."""

import asyncio
from dataclasses import replace

import pytest

from search_service import filters
from search_service.fusion import Fusion
from search_service.ports import CollectionNotFound, FingerprintMismatch, ImageNotFound, IndexIncomplete, ModelNotFound
from search_service.query import Query
from search_service.values import Binding
from servicekit.errors import BackendUnavailable, InvalidField
from tests.unit.search_service.conftest import DIMENSIONS, Core, new_image, vector_of


@pytest.fixture
async def filled(core: Core) -> Core:
    """Forty images, each nearest to its own seed."""
    await core.put(*(new_image(f"x{i:02}", i, n=float(i)) for i in range(40)))
    return core


def query(seed: int = 3, **options: object) -> Query:
    return Query("c", [vector_of(model, seed) for model in DIMENSIONS], **options)  # type: ignore[arg-type]


async def test_an_image_finds_itself_first(filled: Core) -> None:
    answer = await filled.index.search(query(3))
    assert answer.fused[0].image_id == "x03"
    assert all(contribution.distance < 1e-3 for contribution in answer.fused[0].contributions)
    assert [r.model for r in answer.rankings] == ["a", "b"]
    assert all(len(r.neighbours) == 10 for r in answer.rankings)


async def test_searching_by_id_is_searching_by_its_vectors(filled: Core) -> None:
    by_id = await filled.index.search(Query("c", image_id="x03"))
    assert by_id == await filled.index.search(query(3))


async def test_exclude_self_by_id_and_by_content(filled: Core) -> None:
    await filled.put(new_image("twin", 3))
    by_id = await filled.index.search(Query("c", image_id="x03", exclude_self=True))
    assert by_id.fused[0].image_id == "twin"
    by_content = await filled.index.search(query(3, content_sha256=f"{3:064x}", exclude_self=True))
    assert not {"x03", "twin"} & {hit.image_id for hit in by_content.fused}


async def test_a_search_digs_past_rows_that_are_not_served(filled: Core) -> None:
    """Thirty stale versions nearer than anything else do not hide the images behind them."""
    for seed in range(100, 130):
        await filled.put(new_image("moving", seed))
    for space in filled.vectors.spaces.values():
        for key, row in space.items():
            if key.image_id == "moving":
                space[key] = replace(row, vector=vector_of("a" if len(row.vector) == 8 else "b", 3).vector)
    await filled.images.delete("c", ["moving"], None, force=False)
    assert len(await filled.found(3, top_k=40)) == 40
    assert (await filled.found(3))[0] == "x03"


async def test_filters_dig_until_there_are_enough(filled: Core) -> None:
    high = filters.Between("n", gte=35.0)
    assert set(await filled.found(3, condition=high)) == {f"x{i}" for i in range(35, 40)}


async def test_max_distance_cuts_each_models_list(filled: Core) -> None:
    everything = await filled.index.search(query(3, top_k=40))
    cut = await filled.index.search(query(3, top_k=40, max_distance=1.0))
    for full, short in zip(everything.rankings, cut.rankings, strict=True):
        assert list(short.neighbours) == [near for near in full.neighbours if near.distance <= 1.0]
        assert 0 < len(short.neighbours) < 40


async def test_one_model_alone_is_its_own_list(filled: Core) -> None:
    answer = await filled.index.search(query(3, models=["b"]))
    assert [hit.image_id for hit in answer.fused] == [near.image_id for near in answer.rankings[0].neighbours]


async def test_models_are_searched_at_once(filled: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each search ends only when the other one is under way too."""
    search, both = filled.vectors.search, asyncio.Barrier(2)

    async def together(*args: object, **options: object) -> object:
        await both.wait()
        return await search(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(filled.vectors, "search", together)
    async with asyncio.timeout(5):
        assert len((await filled.index.search(query(3))).rankings) == 2


async def test_one_failing_model_is_reported_beside_the_others(filled: Core) -> None:
    filled.vectors.down = {next(iter(filled.vectors.spaces))}
    answer = await filled.index.search(query(3))
    assert list(answer.failed) == ["a"]
    assert [r.model for r in answer.rankings] == ["b"]
    with pytest.raises(BackendUnavailable):
        await filled.index.search(query(3, require_all_models=True))
    filled.vectors.down = set(filled.vectors.spaces)
    with pytest.raises(BackendUnavailable):
        await filled.index.search(query(3))


async def test_what_is_not_there_is_not_found(filled: Core) -> None:
    with pytest.raises(CollectionNotFound):
        await filled.index.search(replace(query(), collection="none"))
    with pytest.raises(ImageNotFound):
        await filled.index.search(Query("c", image_id="none"))
    with pytest.raises(ModelNotFound):
        await filled.index.search(query(models=["none"]))


async def test_vectors_of_another_fingerprint_are_searched_with_by_no_model(filled: Core) -> None:
    vectors = [replace(vector_of("a", 1), fingerprint="other"), vector_of("b", 1)]
    answer = await filled.index.search(Query("c", vectors))
    assert [type(error) for error in answer.failed.values()] == [FingerprintMismatch]
    assert [r.model for r in answer.rankings] == ["b"]
    for refused in (
        Query("c", vectors[:1]),
        Query("c", vectors, models=["a", "b"]),
        Query("c", vectors, require_all_models=True),
    ):
        with pytest.raises(FingerprintMismatch):
            await filled.index.search(refused)


async def test_an_image_whose_vector_one_store_does_not_give_is_searched_with_the_others(filled: Core) -> None:
    filled.vectors.down = {next(iter(filled.vectors.spaces))}
    for models in ([], ["a", "b"]):
        answer = await filled.index.search(Query("c", image_id="x03", models=models))
        assert (list(answer.failed), answer.fused[0].image_id) == (["a"], "x03")
    with pytest.raises(BackendUnavailable):
        await filled.index.search(Query("c", image_id="x03", require_all_models=True))


async def test_an_image_without_a_vector_of_one_model_is_searched_with_the_others(filled: Core) -> None:
    await filled.models.add("c", Binding("d", "print-d", 4))
    await filled.models.activate("c", "d", "", force=True)
    answer = await filled.index.search(Query("c", image_id="x03"))
    assert [type(error) for error in answer.failed.values()] == [IndexIncomplete]
    assert (list(answer.failed), [r.model for r in answer.rankings]) == (["d"], ["a", "b"])
    for refused in (Query("c", image_id="x03", models=["a", "d"]), Query("c", image_id="x03", require_all_models=True)):
        with pytest.raises(IndexIncomplete):
            await filled.index.search(refused)


async def test_a_model_that_is_away_may_be_weighed(filled: Core) -> None:
    answer = await filled.index.search(Query("c", [vector_of("a", 3)], fusion=Fusion(weights={"b": 2.0})))
    assert [r.model for r in answer.rankings] == ["a"]
    with pytest.raises(InvalidField, match=r"fusion\.weights"):
        await filled.index.search(Query("c", [vector_of("a", 3)], models=["a"], fusion=Fusion(weights={"b": 2.0})))


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (query(top_k=0), "top_k"),
        (query(top_k=1001), "top_k"),
        (query(max_distance=-0.1), "max_distance"),
        (query(max_distance=float("nan")), "max_distance"),
        (query(fusion=Fusion(k=-1)), "fusion.k"),
        (query(fusion=Fusion(weights={"a": -1.0})), "fusion.weights[a]"),
        (query(fusion=Fusion(weights={"c": 1.0})), "fusion.weights"),
        (query(fusion=Fusion(weights={"a": 0.0, "b": 0.0})), "fusion.weights"),
        (query(models=["a", "a"]), "models"),
        (Query("c", image_id='x" or 1==1'), "image_id"),
    ],
)
async def test_a_wrong_search_names_its_field(filled: Core, wrong: Query, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        await filled.index.search(wrong)
    assert refused.value.violations[0].field == field


async def test_a_filter_that_is_too_deep_or_too_large_is_refused(filled: Core) -> None:
    deep: filters.Filter = filters.Exists("n", True)
    for _ in range(8):
        deep = filters.AllOf([deep])
    with pytest.raises(InvalidField, match="levels"):
        await filled.index.search(query(condition=deep))
    with pytest.raises(InvalidField, match="nodes"):
        await filled.index.search(query(condition=filters.AllOf([filters.Exists("n", True)] * 256)))


async def test_comparing_gives_every_pair(filled: Core) -> None:
    comparison = await filled.index.compare(query(3))
    assert list(comparison.agreements) == [("a", "b")]
    with pytest.raises(InvalidField, match="two models"):
        await filled.index.compare(query(3, models=["a"]))


async def test_an_update_in_the_middle_of_a_search_hides_no_image(
    filled: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are read before the update and records after it: the old version is overtaken, the new one not found."""
    search = filled.vectors.search
    updates = iter([41, 42])

    async def overtaken(*args: object, **options: object) -> object:
        found = await search(*args, **options)  # type: ignore[arg-type]
        for seed in updates:
            await filled.put(new_image("x03", seed, n=3.0))
        return found

    monkeypatch.setattr(filled.vectors, "search", overtaken)
    assert "x03" in await filled.found(3, top_k=40)


async def test_a_record_whose_rows_cannot_be_read_yet_is_no_missing_image(filled: Core) -> None:
    for space in filled.vectors.spaces.values():
        space.clear()
    with pytest.raises(BackendUnavailable):
        await filled.index.search(Query("c", image_id="x03"))


async def test_an_overtaken_image_counts_no_nearer_than_the_search_went(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Versions that moved far away in the middle of a search do not stand in for nearer images not looked at yet."""
    near = vector_of("a", 1)
    opposite = replace(near, vector=-near.vector)
    others = [vector for vector in new_image("x", 1).vectors if vector.model != "a"]
    await core.put(*(replace(new_image(f"moving-{i}", 1), vectors=[near, *others]) for i in range(12)))
    await core.put(*(new_image(f"still-{i}", 50 + i) for i in range(20)))
    search = core.vectors.search
    batch = [replace(new_image(f"moving-{i}", 2), vectors=[opposite, *others]) for i in range(12)]

    async def overtaken(*args: object, **options: object) -> object:
        found = await search(*args, **options)  # type: ignore[arg-type]
        if batch:
            await core.put(*batch)
            batch.clear()
        return found

    monkeypatch.setattr(core.vectors, "search", overtaken)
    answer = await core.index.search(Query("c", [near], top_k=10))
    assert all(near.image_id.startswith("still") for near in answer.rankings[0].neighbours)
    assert len(answer.rankings[0].neighbours) == 10
