"""Filters of a vector store: it may let too many rows through, and never loses one."""

import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from search_service.filters import AllOf, AnyOf, Between, Exists, Filter, NoneOf, OneOf, holds
from search_service.ports import VectorStore
from search_service.values import IndexSpec, Metric, Record, Row, RowKey, Version
from tests.filter_trees import ODD, attributes, trees

Rows = Mapping[str, Mapping[str, Any]]
QUERY = np.array([1.0, 0.0], np.float32)
LIMIT = 1000
# No shrinking: rows stay in the store, so that one failing example says enough.
ON_SERVERS = settings(
    max_examples=150,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def described() -> dict[str, Mapping[str, Any]]:
    """Return the attributes of each row: every odd text as a name and as a value, every type, and combinations."""
    plain: list[Any] = [
        None,
        True,
        False,
        0.0,
        -0.0,
        1.0,
        1.5,
        2.0**53,
        1e19,
        1e300,
        5e-324,
        "",
        "1",
        "true",
        [1.0],
        {},
    ]
    rows: list[Mapping[str, Any]] = [{}, *({"a": value} for value in (*plain, *ODD)), *({name: 1.0} for name in ODD)]
    sample: list[Mapping[str, Any]] = []

    @settings(max_examples=150, database=None, derandomize=True, phases=[Phase.generate])
    @given(attributes)
    def draw(drawn: Mapping[str, Any]) -> None:
        sample.append(drawn)

    draw()
    return {f"row-{i}": row for i, row in enumerate([*rows, *sample])}


@pytest.fixture(scope="module")
def rows() -> Rows:
    return described()


@pytest.fixture(scope="module")
async def space(vectors: VectorStore, rows: Rows) -> AsyncIterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    await vectors.create(name, 2, Metric.L2, IndexSpec("FLAT"))
    records = [Record(Version(row_id, "0" * 64, "", given), 1, 1, 1) for row_id, given in rows.items()]
    await vectors.insert(name, [Row(record, QUERY) for record in records])
    yield name
    await vectors.drop(name)


async def found(vectors: VectorStore, space: str, condition: Filter) -> set[str]:
    matches = await vectors.search(space, Metric.L2, QUERY, LIMIT, condition=condition)
    listed = await vectors.select(space, condition, LIMIT)
    keys = {match.key for match in matches}
    assert listed is None or listed.keys() == keys
    return {key.image_id for key in keys}


def fitting(rows: Rows, condition: Filter) -> set[str]:
    return {row_id for row_id, given in rows.items() if holds(condition, given)}


@ON_SERVERS
@given(trees())
async def test_no_row_that_fits_is_lost(vectors: VectorStore, space: str, rows: Rows, condition: Filter) -> None:
    assert fitting(rows, condition) <= await found(vectors, space, condition)


@pytest.mark.parametrize("odd", ODD)
async def test_odd_text_is_only_text(vectors: VectorStore, space: str, rows: Rows, odd: str) -> None:
    """Where it can be said at all, it means itself alone, as a value and as a name."""
    for condition in (OneOf("a", [odd]), OneOf(odd, [1.0]), NoneOf([OneOf("a", [odd])])):
        wanted, got = fitting(rows, condition), await found(vectors, space, condition)
        assert got in (wanted, set(rows))
        assert got == wanted or not odd.isprintable() or isinstance(condition, NoneOf)


@pytest.mark.parametrize(
    "condition",
    [
        OneOf("a", [1.0]),
        OneOf("a", [True]),
        OneOf("a", ["1", "true", ""]),
        OneOf("a", [1.0, "1", False]),
        OneOf("a", [1e19, -0.0]),
        OneOf("a", []),
        Between("a", gte=1.0, lt=1e19),
        Between("a", gt=-1e308),
        AllOf([Between("a", gt=0.0), OneOf("a", [1.5, "x"])]),
        AnyOf([OneOf("a", [float(i)]) for i in range(255)]),
        AllOf([Exists("a", True), OneOf("a", [1.5])]),
    ],
    ids=repr,
)
async def test_plain_tests_are_exact(vectors: VectorStore, space: str, rows: Rows, condition: Filter) -> None:
    assert await found(vectors, space, condition) == fitting(rows, condition)


async def test_too_many_rows_are_not_listed(vectors: VectorStore, space: str, rows: Rows) -> None:
    condition = OneOf("a", [1.0, 1.5])
    fit = len(fitting(rows, condition))
    assert await vectors.select(space, condition, fit - 1) is None
    listed = await vectors.select(space, condition, fit)
    assert listed is not None
    assert listed.keys() == {RowKey(row_id, 1) for row_id in fitting(rows, condition)}
    assert all(vector == pytest.approx(QUERY) for vector in listed.values())
