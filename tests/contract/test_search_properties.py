"""Whole searches over every vector store against plain numpy, whatever they ask for."""

import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from search_service.catalogue import Catalogue
from search_service.filters import Filter, NoneOf, OneOf, holds
from search_service.index import Index
from search_service.ports import VectorStore
from search_service.query import Query
from search_service.reading import Consistency, SearchParams
from search_service.values import Binding, Collection, IndexSpec, Metric, Record, Row, Version
from search_service.writer import ModelVector, NewImage, Writer
from tests.fakes_records import MemoryRecordStore
from tests.filter_trees import trees

COUNT, DIMENSION, COPIES = 120, 12, 8
MANY, MANY_DIMENSION, ONE_IN = 20_000, 16, 1000
Attributes = Mapping[str, Any]
Matrix = npt.NDArray[np.float32]
ON_SERVERS = settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
labels = st.sampled_from(("cat", "dog", 'a "quoted" one', "two\nlines", 1.0, 2.0, True, None))
names = st.sampled_from(("label", "n", "ü", "none"))


def unit_vectors(count: int, dimension: int, seed: int) -> Matrix:
    drawn = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def attributes_of(number: int) -> Attributes:
    label = ("cat", "dog", 'a "quoted" one', "two\nlines", 1.0, 2.0, True, None)[number % 8]
    return {"label": label, "n": float(number % 10), **({"ü": "cat"} if number % 3 == 0 else {})}


@dataclass(frozen=True)
class Shelf:
    """An indexed collection, some of whose images hold the same bytes, and what numpy needs to search it."""

    index: Index
    name: str
    metric: Metric
    vectors: Matrix

    def expected(self, query: Query, target: npt.NDArray[np.float32]) -> list[tuple[str, float]]:
        """Return the ids and distances of a search, by brute force in float64."""
        wide, point = self.vectors.astype(np.float64), target.astype(np.float64)
        l2 = self.metric is Metric.L2
        distances = np.sqrt(((wide - point) ** 2).sum(axis=1)) if l2 else 1.0 - wide @ point
        itself = {query.image_id, *(i for i in map(image_id, range(COUNT)) if sha256(i) == query.content_sha256)}
        ranked = sorted((float(distance), image_id(i)) for i, distance in enumerate(distances))
        wanted = [
            (name, distance)
            for distance, name in ranked
            if not (query.exclude_self and name in itself)
            and (query.max_distance is None or distance <= query.max_distance)
            and (query.condition is None or holds(query.condition, attributes_of(int(name.split("/")[1]))))
        ]
        return wanted[: query.top_k]


def image_id(number: int) -> str:
    return f"image/{number:03}"


def sha256(name: str) -> str:
    return f"{int(name.split('/')[1]) // COPIES:064x}"


@pytest.fixture(scope="module", params=[Metric.L2, Metric.COSINE], ids=["l2", "cosine"])
async def shelf(vectors: VectorStore, request: pytest.FixtureRequest) -> AsyncIterator[Shelf]:
    records = MemoryRecordStore()
    name = f"c{secrets.token_hex(4)}"
    binding = Binding("m", "print", DIMENSION)
    made = await Catalogue(records, vectors, horizon_seconds=600).create(
        Collection("", name, request.param, IndexSpec("FLAT"), (binding,))
    )
    data = unit_vectors(COUNT, DIMENSION, 11)
    images = [
        NewImage(Version(image_id(i), sha256(image_id(i)), "", attributes_of(i)), 1, 1, [ModelVector("m", "print", v)])
        for i, v in enumerate(data)
    ]
    writer = Writer(records, vectors, write_timeout_seconds=30)
    # Every image has an older version with other attributes and, so, rows that no search may show.
    old = [NewImage(Version(image.version.image_id, "f" * 64), 1, 1, image.vectors) for image in images]
    for batch in (old[:60], old[60:], images[:60], images[60:]):
        await writer.upsert(name, batch)
    yield Shelf(Index(records, vectors, fusion_depth=10, margin=4), name, request.param, data)
    await vectors.drop(made.collection.bindings[0].space)


@st.composite
def wishes(draw: st.DrawFn) -> dict[str, Any]:
    """Return what a search may ask for, its query apart."""
    return {
        "top_k": draw(st.integers(1, COUNT + 20)),
        "max_distance": draw(st.none() | st.floats(0.0, 2.0)),
        "exclude_self": draw(st.booleans()),
        "condition": draw(st.none() | trees(names, labels)),
    }


@ON_SERVERS
@given(number=st.integers(0, COUNT - 1), by_id=st.booleans(), wish=wishes())
async def test_a_search_is_brute_force(shelf: Shelf, number: int, by_id: bool, wish: dict[str, Any]) -> None:
    target, name = shelf.vectors[number], image_id(number)
    by_vector = Query(shelf.name, [ModelVector("m", "print", target)], content_sha256=sha256(name), **wish)
    query = Query(shelf.name, image_id=name, **wish) if by_id else by_vector
    assume(clear(shelf.expected(Query(shelf.name, top_k=COUNT), target), query.max_distance))
    expected = shelf.expected(query, target)
    (ranking,) = (await shelf.index.search(query)).rankings
    assert [near.image_id for near in ranking.neighbours] == [name for name, _ in expected]
    assert [near.distance for near in ranking.neighbours] == pytest.approx([d for _, d in expected], abs=1e-3)


def clear(found: list[tuple[str, float]], bound: float | None) -> bool:
    """Tell whether float32 can order these distances, and tell them from a bound."""
    distances = np.array([distance for _, distance in found])
    return bool(np.diff(distances).min() > 1e-6) and (bound is None or bool(np.abs(distances - bound).min() > 1e-3))


@dataclass(frozen=True)
class Warehouse:
    """Very many images, of which one in a thousand is rare."""

    index: Index
    vectors: Matrix


@pytest.fixture(scope="module")
async def warehouse(vectors: VectorStore) -> AsyncIterator[Warehouse]:
    records = MemoryRecordStore()
    binding = Binding("m", "print", MANY_DIMENSION)
    made = await Catalogue(records, vectors, horizon_seconds=600).create(
        Collection("", "w", Metric.L2, IndexSpec(), (binding,))
    )
    uid, (bound,) = made.collection.uid, made.collection.bindings
    space = bound.space
    data = unit_vectors(MANY, MANY_DIMENSION, 12)
    for start in range(0, MANY, 5000):
        part = range(start, start + 5000)
        generations = await records.begin(uid, [f"i{i}" for i in part])
        rows = [
            Row(Record(Version(f"i{i}", "0" * 64, "", attributes_among_many(i)), 1, 1, g, spaces=(bound.tag,)), data[i])
            for i, g in zip(part, generations, strict=True)
        ]
        await vectors.insert(space, rows)
        await records.commit(uid, 1, [row.record for row in rows])
    yield Warehouse(Index(records, vectors, fusion_depth=10, margin=16), data)
    await vectors.drop(space)


def attributes_among_many(number: int) -> Attributes:
    return {"kind": "rare" if number % ONE_IN == 7 else "common", "n": float(number)}


@pytest.mark.parametrize("condition", [OneOf("kind", ["rare"]), NoneOf([OneOf("kind", ["common"])])], ids=repr)
@pytest.mark.parametrize("consistency", Consistency)
async def test_a_narrow_filter_finds_all_that_fit_however_far_they_are(
    warehouse: Warehouse, condition: Filter, consistency: Consistency
) -> None:
    target = warehouse.vectors[0]
    rare = np.arange(7, MANY, ONE_IN)
    distances = ((warehouse.vectors.astype(np.float64) - target) ** 2).sum(axis=1)
    places = np.argsort(np.argsort(distances))[rare]
    assert places.max() > 16_384
    query = Query(
        "w",
        [ModelVector("m", "print", target)],
        top_k=15,
        condition=condition,
        consistency=consistency,
        params=SearchParams(nprobe=1),
    )
    answer = await warehouse.index.search(query)
    expected = rare[np.argsort(distances[rare])][:15]
    assert [near.image_id for near in answer.rankings[0].neighbours] == [f"i{i}" for i in expected]
