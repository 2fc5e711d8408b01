"""A twin of the vector store, held to the real ones by tests/contract."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from search_service.filters import Filter, holds
from search_service.ports import CollectionNotFound
from search_service.reading import DEFAULT_PARAMS, Consistency, SearchParams
from search_service.values import (
    IndexSpec,
    Match,
    Metric,
    Row,
    RowKey,
    Vector,
)
from servicekit.errors import BackendUnavailable, invalid_field


class MemoryVectorStore:
    """A vector store by brute force. With `down` set, every call fails, or every call about the spaces in it."""

    name = "memory"

    def __init__(self) -> None:
        self.spaces: dict[str, dict[RowKey, Row]] = {}
        self.descriptions: dict[str, str] = {}
        self.down: bool | set[str] = False

    async def resolved(self, index: IndexSpec) -> IndexSpec:
        if index.kind not in ("", "FLAT", "IVF_FLAT"):
            raise invalid_field("collection.index.kind", f"there are FLAT and IVF_FLAT, not {index.kind}")
        return replace(index, kind=index.kind or "FLAT")

    async def create(self, space: str, dimension: int, metric: Metric, index: IndexSpec, description: str = "") -> None:
        self._answer(space)
        await self.resolved(index)
        self.spaces[space] = {}
        self.descriptions[space] = description

    async def drop(self, space: str) -> None:
        self._answer(space)
        self.spaces.pop(space, None)

    async def insert(self, space: str, rows: Sequence[Row]) -> None:
        self._answer(space)
        self._rows(space).update({row.record.key: row for row in rows})

    async def search(
        self,
        space: str,
        metric: Metric,
        vector: Vector,
        limit: int,
        *,
        condition: Filter | None = None,
        consistency: Consistency = Consistency.BOUNDED,
        params: SearchParams = DEFAULT_PARAMS,
    ) -> list[Match]:
        self._answer(space)
        rows = self._fitting(space, condition)
        matches = [Match(row.record.key, _distance(metric, row.vector, vector)) for row in rows]
        return sorted(matches, key=lambda match: match.distance)[:limit]

    async def select(
        self, space: str, condition: Filter, limit: int, *, consistency: Consistency = Consistency.BOUNDED
    ) -> dict[RowKey, Vector] | None:
        self._answer(space)
        rows = self._fitting(space, condition)
        return None if len(rows) > limit else {row.record.key: row.vector for row in rows}

    async def fetch(self, space: str, keys: Sequence[RowKey], *, latest: bool = False) -> dict[RowKey, Vector]:
        self._answer(space)
        rows = self._rows(space)
        return {key: rows[key].vector for key in keys if key in rows}

    async def delete(self, space: str, keys: Sequence[RowKey]) -> None:
        self._answer(space)
        for key in keys:
            self._rows(space).pop(key, None)

    async def count(self, space: str) -> int:
        self._answer(space)
        return len(self._rows(space))

    async def check(self) -> None:
        self._answer("")

    def _fitting(self, space: str, condition: Filter | None) -> list[Row]:
        rows = self._rows(space).values()
        return [row for row in rows if condition is None or holds(condition, row.record.version.attributes)]

    def _rows(self, space: str) -> dict[RowKey, Row]:
        if space not in self.spaces:
            raise CollectionNotFound("the collection was deleted")
        return self.spaces[space]

    def _answer(self, space: str) -> None:
        if self.down is True or (isinstance(self.down, set) and space in self.down):
            raise BackendUnavailable("the vector store does not answer")


def _distance(metric: Metric, a: Vector, b: Vector) -> float:
    if metric is Metric.L2:
        return float(np.linalg.norm(a.astype(np.float64) - b))
    return 1.0 - float(a.astype(np.float64) @ b)
