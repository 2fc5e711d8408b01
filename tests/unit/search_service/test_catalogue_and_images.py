"""Collections, and images by id, over the stores' twins."""

from dataclasses import replace
from typing import Any

import pytest

from search_service import filters
from search_service.ports import CollectionExists, CollectionNotFound, ForceRequired, ImageNotFound
from search_service.values import Binding, Collection, IndexSpec, Metric
from servicekit.errors import BackendUnavailable, InvalidField
from tests.unit.search_service.conftest import Core, new_image

VALID = Collection("", "d", Metric.L2, IndexSpec(), (Binding("a", "print", 8),))


async def test_a_failed_creation_is_cleared_away(core: Core) -> None:
    with pytest.raises(CollectionExists):
        await core.create()
    assert len(core.vectors.spaces) == 4
    core.records.now_ms += 200_000
    await core.sweeper.sweep()
    assert len(core.vectors.spaces) == 2
    assert (await core.catalogue.get("c")).coverage.images == 0


async def test_a_creation_that_takes_too_long_does_not_show_what_a_sweep_has_cleared(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = core.vectors.create

    async def slow(*arguments: Any) -> None:
        await create(*arguments)
        core.records.now_ms += 60_000
        await core.sweeper.sweep()

    monkeypatch.setattr(core.vectors, "create", slow)
    with pytest.raises(BackendUnavailable):
        await core.create("slow")
    with pytest.raises(CollectionNotFound):
        await core.catalogue.get("slow")


async def test_deleting_a_collection_needs_force_once_it_holds_images(core: Core) -> None:
    await core.put(new_image("x"))
    with pytest.raises(ForceRequired):
        await core.catalogue.delete("c", force=False)
    await core.catalogue.delete("c", force=True)
    with pytest.raises(CollectionNotFound):
        await core.catalogue.get("c")
    await core.create()
    assert await core.found(0) == []
    core.records.now_ms += 200_000
    await core.sweeper.sweep()
    assert len(core.vectors.spaces) == 2


async def test_collections_are_listed_by_name_in_pages(core: Core) -> None:
    for name in ("e", "a", "d", "b"):
        await core.create(name)
    names, token = [], ""
    while True:
        page = await core.catalogue.page(2, token)
        names += [described.collection.name for described in page.collections]
        if not (token := page.next_token):
            break
    assert names == ["a", "b", "c", "d", "e"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (replace(VALID, name="D"), "collection.name"),
        (replace(VALID, name=""), "collection.name"),
        (replace(VALID, name="a" * 64), "collection.name"),
        (replace(VALID, description="x" * 1001), "collection.description"),
        (replace(VALID, bindings=()), "collection.models"),
        (replace(VALID, bindings=VALID.bindings * 2), "collection.models"),
        (replace(VALID, index=IndexSpec(m=1)), "collection.index.m"),
        (replace(VALID, index=IndexSpec(ef_construction=2000)), "collection.index.ef_construction"),
        (replace(VALID, index=IndexSpec("HNSW")), "collection.index.kind"),
        (replace(VALID, index=IndexSpec(nlist=-1)), "collection.index.nlist"),
        (replace(VALID, bindings=(Binding("a", "print", 1),)), "collection.bindings[0].dimension"),
        (
            replace(VALID, bindings=(Binding("a", "print", 8), Binding("b", "", 8))),
            "collection.bindings[1].fingerprint",
        ),
        (replace(VALID, bindings=(Binding("a/b", "print", 8),)), "collection.bindings[0].model"),
    ],
)
async def test_a_wrong_collection_names_its_field(core: Core, wrong: Collection, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        await core.catalogue.create(wrong)
    assert refused.value.violations[0].field == field


async def test_a_collection_knows_which_index_it_got(core: Core) -> None:
    assert (await core.catalogue.create(VALID)).collection.index.kind == "FLAT"
    assert (await core.catalogue.get(VALID.name)).collection.index.kind == "FLAT"


async def test_pages_of_images_are_stable_and_filtered(core: Core) -> None:
    await core.put(*(new_image(f"x{i:02}", i, n=float(i)) for i in range(25)))
    even = filters.OneOf("n", [float(i) for i in range(0, 25, 2)])
    seen, token = [], ""
    while True:
        page = await core.images.page("c", 10, token, even)
        seen += [record.version.image_id for record in page.records]
        if not (token := page.next_token):
            break
    assert seen == [f"x{i:02}" for i in range(0, 25, 2)]


async def test_large_records_end_a_page_early(core: Core) -> None:
    for start in range(0, 320, 64):
        await core.put(*(new_image(f"x{i:03}", i, text="y" * 16000) for i in range(start, start + 64)))
    first = await core.images.page("c", 1000, "", None)
    assert 0 < len(first.records) * 16000 < 4 * 1024 * 1024
    rest = await core.images.page("c", 1000, first.next_token, None)
    assert [r.version.image_id for r in (*first.records, *rest.records)] == [f"x{i:03}" for i in range(320)]


@pytest.mark.parametrize("token", ["!", "no token", "ü", "/w=="])
async def test_a_foreign_token_is_refused(core: Core, token: str) -> None:
    with pytest.raises(InvalidField, match="page_token"):
        await core.images.page("c", 10, token, None)


@pytest.mark.parametrize("size", [-1, 1001])
async def test_a_page_size_out_of_range_is_refused(core: Core, size: int) -> None:
    with pytest.raises(InvalidField, match="page_size"):
        await core.images.page("c", size, "", None)


async def test_get_and_delete(core: Core) -> None:
    await core.put(new_image("x"), new_image("y", 1))
    assert (await core.images.get("c", "x")).version == new_image("x").version
    deleted = await core.images.delete("c", ["x", "none"], None, force=False)
    assert (deleted.count, deleted.missing) == (1, ["none"])
    with pytest.raises(ImageNotFound):
        await core.images.get("c", "x")
    assert await core.found(0) == ["y"]


async def test_an_id_to_delete_that_stands_twice_counts_once(core: Core) -> None:
    await core.put(new_image("x"), new_image("y", 1))
    deleted = await core.images.delete("c", ["zz", "x", "a", "x", "zz", "y"], None, force=False)
    assert (deleted.count, deleted.missing) == (2, ["zz", "a"])


async def test_delete_by_filter_needs_force(core: Core) -> None:
    await core.put(*(new_image(f"x{i}", i, n=float(i)) for i in range(9)))
    low = filters.Between("n", lt=4.0)
    with pytest.raises(ForceRequired):
        await core.images.delete("c", [], low, force=False)
    with pytest.raises(InvalidField, match="not both"):
        await core.images.delete("c", ["x1"], low, force=True)
    assert (await core.images.delete("c", [], low, force=True)).count == 4
    assert (await core.catalogue.get("c")).coverage.images == 5


@pytest.mark.parametrize(
    ("ids", "problem"),
    [
        ([], r"^image_ids: give 1 to 1,000 ids, or a filter$"),
        (["x"] * 1001, r"^image_ids: has 1,001 ids; 1 to 1,000 are taken$"),
        (["x", ""], r"^image_ids\[1\]: must match "),
    ],
)
async def test_wrong_ids_to_delete_are_refused(core: Core, ids: list[str], problem: str) -> None:
    with pytest.raises(InvalidField, match=problem):
        await core.images.delete("c", ids, None, force=False)
