"""What every vector store must do to be looked through."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from search_service import encoding
from search_service.ports_repair import RepairVectors
from search_service.values import Binding, Collection, IndexSpec, Metric, Record, Row, RowKey, Version
from servicekit.errors import NotFound
from tests.contract.test_vector_store import DIMENSION, unit_vectors

# Ids that are each other's beginnings, in versions whose numbers sort otherwise as text.
ODD = ["a", "a-b", "a.b", "a/b", "a0", "a:b", "A", "a@b", "a_b", "ab", "b", 'odd " \\ id', "it's"]
IDS = [*ODD, *(f"image-{i:03}" for i in range(400))]
KEYS = [RowKey(image_id, generation) for generation in (9, 10, 2) for image_id in IDS]
ORDERED = sorted(KEYS, key=lambda key: encoding.key_text(key).encode())


def record(key: RowKey) -> Record:
    attributes = {"n": 1.5, "whole": 2.0, "text": "ü\"\\'", "deep": {"list": [1.0, None, True, {}]}}
    return Record(Version(key.image_id, "0" * 64, f"file:///{key.generation}", attributes), 640, 480, key.generation)


@asynccontextmanager
async def space(vectors: RepairVectors, rows: list[Row]) -> AsyncIterator[str]:
    """A space with these rows, inserted in several calls, that is gone afterwards."""
    name = f"test_{secrets.token_hex(6)}"
    await vectors.create(name, DIMENSION, Metric.L2, IndexSpec())
    for start in range(0, len(rows), 500):
        await vectors.insert(name, rows[start : start + 500])
    yield name
    await vectors.drop(name)


def rows_of_keys() -> list[Row]:
    return [Row(record(key), v) for key, v in zip(KEYS, unit_vectors(len(KEYS), DIMENSION), strict=True)]


@pytest.fixture(scope="module")
async def filled(vectors: RepairVectors) -> AsyncIterator[str]:
    """A space that tests only read."""
    async with space(vectors, rows_of_keys()) as name:
        yield name


async def scanned(vectors: RepairVectors, name: str, limit: int) -> list[Record]:
    found: list[Record] = []
    while page := await vectors.scan(name, found[-1].key if found else None, limit):
        assert len(page) <= limit
        found += page
    return found


@pytest.mark.parametrize("limit", [100, 1000])
async def test_a_scan_sees_every_row_once_with_all_that_it_says(
    vectors: RepairVectors, filled: str, limit: int
) -> None:
    found = await scanned(vectors, filled, limit)
    assert found == [record(key) for key in ORDERED]
    ids = [each.version.image_id for each in found]
    assert sum(a != b for a, b in pairwise(ids)) == len(IDS) - 1, "rows of one image follow each other"


async def test_rows_that_are_held_are_told_from_those_that_are_not(vectors: RepairVectors, filled: str) -> None:
    assert await vectors.held(filled, [*KEYS, RowKey("a", 3), RowKey("unknown", 1)]) == set(KEYS)
    assert await vectors.held(filled, [RowKey("a", 3)]) == set()
    assert await vectors.held(filled, []) == set()


async def test_deleted_rows_are_neither_held_nor_scanned_any_more(vectors: RepairVectors) -> None:
    async with space(vectors, rows_of_keys()) as name:
        first = await vectors.scan(name, None, 5)
        await vectors.delete(name, ORDERED[3:8])
        assert await vectors.held(name, KEYS) == {*ORDERED[:3], *ORDERED[8:]}
        rest = await vectors.scan(name, first[-1].key, 10_000)
        assert [each.key for each in first + rest] == ORDERED[:5] + ORDERED[8:]


async def test_a_space_is_listed_and_keeps_its_description(vectors: RepairVectors) -> None:
    """The longest that there is: 16 models, and a description of 1,000 characters of several bytes."""
    bindings = tuple(Binding("m" * 64, secrets.token_hex(32), 32768, f"likeness_{i}_{'f' * 16}") for i in range(16))
    described = Collection("0" * 16, "c" * 63, Metric.L2, IndexSpec("HNSW"), bindings, "\U0001f986" * 1000, 17)
    name = f"test_{secrets.token_hex(6)}"
    await vectors.create(name, 4, Metric.L2, IndexSpec(), encoding.collection_text(described))
    assert name in await vectors.space_names()
    assert encoding.collection(await vectors.description(name)) == described
    await vectors.drop(name)
    assert name not in await vectors.space_names()
    for call in (vectors.description(name), vectors.scan(name, None, 5), vectors.held(name, [RowKey("a", 1)])):
        with pytest.raises(NotFound):
            await call
