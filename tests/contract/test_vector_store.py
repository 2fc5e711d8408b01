"""What every vector store must do, checked against plain numpy."""

import secrets
from collections.abc import AsyncIterator

import numpy as np
import numpy.typing as npt
import pytest

from search_service.ports import VectorStore
from search_service.values import IndexSpec, Metric, Record, Row, RowKey, Version
from servicekit.errors import InvalidField, NotFound

DIMENSION = 48
COUNT = 200
Matrix = npt.NDArray[np.float32]


def unit_vectors(count: int, dimension: int, seed: int = 7) -> Matrix:
    vectors = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def row(number: int, vector: npt.NDArray[np.float32], generation: int = 1) -> Row:
    version = Version(f"image-{number:04}", "0" * 64, f"file:///{number}", {"n": number, "tags": ["a", None], "ü": {}})
    return Row(Record(version, 4, 3, generation), vector)


def brute_force(metric: Metric, vectors: Matrix, query: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the true distances, in float64."""
    wide, target = vectors.astype(np.float64), query.astype(np.float64)
    if metric is Metric.L2:
        return np.asarray(np.sqrt(((wide - target) ** 2).sum(axis=1)))
    return np.asarray(1.0 - wide @ target)


@pytest.fixture
async def space(vectors: VectorStore) -> AsyncIterator[str]:
    """The name of a space that is gone after the test."""
    name = f"test_{secrets.token_hex(6)}"
    yield name
    await vectors.drop(name)


@pytest.mark.parametrize("metric", Metric)
async def test_search_is_brute_force(vectors: VectorStore, space: str, metric: Metric) -> None:
    data = unit_vectors(COUNT, DIMENSION)
    await vectors.create(space, DIMENSION, metric, IndexSpec("FLAT"))
    await vectors.insert(space, [row(i, vector) for i, vector in enumerate(data)])
    for query in (data[17], unit_vectors(1, DIMENSION, seed=8)[0]):
        found = await vectors.search(space, metric, query, 30)
        expected = brute_force(metric, data, query)
        order = np.argsort(expected)[:30]
        assert [match.key.image_id for match in found] == [f"image-{i:04}" for i in order]
        assert [match.distance for match in found] == pytest.approx(expected[order], abs=1e-4)


async def test_opposite_vectors_are_two_apart(vectors: VectorStore, space: str) -> None:
    data = unit_vectors(2, DIMENSION)
    await vectors.create(space, DIMENSION, Metric.COSINE, IndexSpec("FLAT"))
    await vectors.insert(space, [row(0, data[0]), row(1, -data[0])])
    found = await vectors.search(space, Metric.COSINE, data[0], 5)
    assert [match.distance for match in found] == pytest.approx([0.0, 2.0], abs=1e-6)
    assert all(0.0 <= match.distance <= 2.0 for match in found)


async def test_generations_of_one_image_are_rows_apart(vectors: VectorStore, space: str) -> None:
    data = unit_vectors(2, DIMENSION)
    await vectors.create(space, DIMENSION, Metric.L2, IndexSpec())
    await vectors.insert(space, [row(0, data[0], generation=1), row(0, data[1], generation=2)])
    first, second = RowKey("image-0000", 1), RowKey("image-0000", 2)
    for latest in (False, True):
        found = await vectors.fetch(space, [first, second, RowKey("unknown", 9)], latest=latest)
        assert found.keys() == {first, second}
        assert found[first] == pytest.approx(data[0], abs=1e-6)
        assert found[second] == pytest.approx(data[1], abs=1e-6)
    await vectors.delete(space, [first, RowKey("unknown", 9)])
    assert await vectors.count(space) == 1
    assert [match.key.generation for match in await vectors.search(space, Metric.L2, data[0], 5)] == [2]
    assert await vectors.fetch(space, [first]) == {}


async def test_an_empty_space_has_no_matches(vectors: VectorStore, space: str) -> None:
    await vectors.create(space, DIMENSION, Metric.L2, IndexSpec())
    assert await vectors.search(space, Metric.L2, unit_vectors(1, DIMENSION)[0], 5) == []
    assert await vectors.count(space) == 0


async def test_awkward_ids_are_only_ids(vectors: VectorStore, space: str) -> None:
    data = unit_vectors(2, DIMENSION)
    await vectors.create(space, DIMENSION, Metric.L2, IndexSpec())
    odd = RowKey('a" or 1==1 or "', 1)
    await vectors.insert(space, [row(0, data[0]), Row(Record(Version(odd.image_id, "0" * 64), 1, 1, 1), data[1])])
    await vectors.delete(space, [odd])
    assert await vectors.count(space) == 1


async def test_a_dropped_space_is_not_found(vectors: VectorStore, space: str) -> None:
    await vectors.create(space, DIMENSION, Metric.L2, IndexSpec())
    await vectors.drop(space)
    await vectors.drop(space)
    with pytest.raises(NotFound):
        await vectors.search(space, Metric.L2, unit_vectors(1, DIMENSION)[0], 5)


async def test_an_index_that_is_not_offered_is_refused(vectors: VectorStore, space: str) -> None:
    with pytest.raises(InvalidField, match=r"collection\.index\.kind"):
        await vectors.create(space, DIMENSION, Metric.L2, IndexSpec("NO_SUCH_KIND"))
    with pytest.raises(InvalidField, match=r"collection\.index\.kind"):
        await vectors.resolved(IndexSpec("NO_SUCH_KIND"))


async def test_a_kind_of_index_is_chosen_where_none_is(vectors: VectorStore) -> None:
    chosen = await vectors.resolved(IndexSpec(m=8))
    assert chosen.kind in ("FLAT", "HNSW")
    assert (await vectors.resolved(chosen)) == chosen == IndexSpec(chosen.kind, m=8)
    assert (await vectors.resolved(IndexSpec("IVF_FLAT"))).kind == "IVF_FLAT"


async def test_it_answers(vectors: VectorStore) -> None:
    await vectors.check()
