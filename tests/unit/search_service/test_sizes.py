"""What one answer carries, against what its message takes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_service import convert, convert_collection, fusion, sizes
from search_service.catalogue import Described
from search_service.fusion import Fusion, Method, Neighbour, Ranking
from search_service.images import Page
from search_service.index import Answer
from search_service.query import Query
from search_service.values import Binding, Collection, IndexSpec, Metric, Record, Version
from servicekit.errors import InvalidField
from tests.unit.search_service.conftest import DIMENSIONS, Core, new_image, vector_of

# What callers of every language take unless told otherwise.
TAKEN_BYTES = 4 * 1024 * 1024
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
RECORDS = st.builds(
    lambda image_id, uri, attributes: Record(
        Version(image_id, "f" * 64, uri, attributes), 65_535, 65_535, 2**53, 2**42, 2**42
    ),
    st.text("abc/:", min_size=1, max_size=128),
    TEXT,
    st.dictionaries(TEXT, VALUES, max_size=4),
)


@given(st.lists(RECORDS, max_size=6))
def test_no_page_is_larger_than_it_is_taken_for(records: Sequence[Record]) -> None:
    assert convert.to_list_response(Page(records, "")).ByteSize() <= sum(map(sizes.of_record, records))


@given(st.lists(RECORDS, min_size=1, max_size=6, unique_by=lambda r: r.version.image_id), st.integers(1, 16))
def test_no_search_is_larger_than_it_is_taken_for(records: Sequence[Record], models: int) -> None:
    ids = [record.version.image_id for record in records]
    neighbours = [Neighbour(image_id, 1000, 1 / 3) for image_id in ids]
    rankings = [Ranking(f"model-{'x' * 50}{i}", Metric.L2, neighbours) for i in range(models)]
    fused = fusion.fuse(rankings, Fusion(Method.WEIGHTED_DISTANCE))
    answer = Answer(fused, rankings, {}, {record.version.image_id: record for record in records})
    taken = convert.to_search_response(answer, include_attributes=True).ByteSize()
    lists: list[Sequence[sizes.Hit]] = [fused, *([neighbours] * models)]
    assert taken <= sizes.of_lists(lists, answer.records, attributes=True) + 96 * models


@given(TEXT, st.integers(1, 16), TEXT)
def test_no_collection_is_larger_than_it_is_taken_for(description: str, models: int, name: str) -> None:
    bindings = tuple(Binding(f"{name}{i}", "f" * 64, 32768) for i in range(models))
    made = Collection("0" * 16, "c", Metric.L2, IndexSpec("DISKANN", 128, 1024, 65536), bindings, description, 2**42)
    assert convert_collection.to_collection(Described(made)).ByteSize() + 4 <= sizes.of_collection(made)


async def _fill(core: Core, count: int, **attributes: str) -> None:
    for start in range(0, count, 64):
        images = [new_image(f"x{i:04}", i, **attributes) for i in range(start, min(start + 64, count))]
        await core.put(*(replace(i, version=replace(i.version, uri="file:///" + "u" * 1992)) for i in images))


def _query(**options: Any) -> Query:
    return Query("c", [vector_of(model, 3) for model in DIMENSIONS], **options)


async def test_a_search_that_no_answer_carries_names_the_list_that_one_does(core: Core) -> None:
    await _fill(core, 1000, text="y" * 16_000)
    with pytest.raises(InvalidField, match="be too large: the first 74 of 1,000 places") as refused:
        await core.index.search(_query(top_k=1000, include_attributes=True))
    assert [violation.field for violation in refused.value.violations] == ["top_k"]
    answer = await core.index.search(_query(top_k=74, include_attributes=True))
    size = convert.to_search_response(answer, include_attributes=True).ByteSize()
    assert 0.9 * TAKEN_BYTES < size < TAKEN_BYTES
    with pytest.raises(InvalidField, match=r"fewer, or for fewer models$"):
        await core.index.search(_query(top_k=900))
    assert len((await core.index.search(_query(top_k=900, models=["a"]))).fused) == 900


async def test_a_comparison_that_no_answer_carries_is_refused(core: Core) -> None:
    await _fill(core, 1000)
    with pytest.raises(InvalidField, match="top_k: the answer would be too large"):
        await core.index.compare(_query(top_k=1000))
    comparison = await core.index.compare(_query(top_k=900))
    assert convert.to_compare_response(comparison).ByteSize() < TAKEN_BYTES


async def test_pages_of_records_with_long_names_fit(core: Core) -> None:
    long = "\N{GRINNING FACE}" * 500
    for start in range(0, 1000, 50):
        images = [new_image(f"x{i:04}", i, text="y" * 2000) for i in range(start, start + 50)]
        await core.put(*(replace(i, version=replace(i.version, uri=long)) for i in images))
    page = await core.images.page("c", 1000, "", None)
    assert 0.9 * TAKEN_BYTES < convert.to_list_response(page).ByteSize() < TAKEN_BYTES


async def test_pages_of_collections_fit(core: Core) -> None:
    made = (await core.catalogue.get("c")).collection
    wide = replace(made, description="\N{GRINNING FACE}" * 1000, bindings=made.bindings * 8)
    for i in range(1000):
        each = replace(wide, uid=f"{i:016x}", name=f"d{i:03}")
        await core.records.prepare(each)
        await core.records.register(each, 60)
    page = await core.catalogue.page(1000, "")
    assert sum(convert_collection.to_collection(each).ByteSize() for each in page.collections) < TAKEN_BYTES
    assert page.next_token
