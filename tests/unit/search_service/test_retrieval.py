"""Searches over vector stores that answer worse than brute force does."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from search_service.filters import OneOf
from search_service.query import Query
from search_service.reading import Consistency, SearchParams
from search_service.values import Binding, Collection, IndexSpec, Match, Metric, RowKey, Vector
from servicekit.errors import BackendUnavailable
from tests.fakes_repair import RepairableVectorStore
from tests.unit.search_service.conftest import DIMENSIONS, Core, new_image, vector_of

RARE = OneOf("rare", [True])


@dataclass
class WorseStore(RepairableVectorStore):
    """A store that finds only every so many rows, knows distances roughly, and notes how it was asked."""

    finds_one_in: int = 1
    roughness: float = 0.0
    asked: list[dict[str, Any]] = field(default_factory=list)
    selected: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    async def resolved(self, index: IndexSpec) -> IndexSpec:
        return index

    async def create(self, space: str, dimension: int, metric: Metric, index: IndexSpec, *rest: str) -> None:
        await super().create(space, dimension, metric, IndexSpec(), *rest)

    async def search(self, *args: Any, **options: Any) -> list[Match]:
        self.asked.append(options)
        found = (await super().search(*args, **options))[:: self.finds_one_in]
        noise = np.random.default_rng(1).normal(size=len(found)) * self.roughness
        rough = [Match(match.key, match.distance + float(n)) for match, n in zip(found, noise, strict=True)]
        return sorted(rough, key=lambda match: match.distance)

    async def select(self, *args: Any, **options: Any) -> dict[RowKey, Vector] | None:
        self.selected += 1
        return await super().select(*args, **options)


async def filled(store: WorseStore, kind: str = "") -> Core:
    core = Core(vectors=store)
    bindings = tuple(Binding(model, f"print-{model}", size) for model, size in DIMENSIONS.items())
    await core.catalogue.create(Collection("", "c", Metric.L2, IndexSpec(kind), bindings))
    await core.put(*(new_image(f"x{i:02}", i, rare=i % 10 == 0) for i in range(40)))
    return core


async def test_an_index_that_misses_rows_misses_none_that_a_narrow_filter_leaves() -> None:
    store = WorseStore(finds_one_in=4)
    core = await filled(store)
    assert sorted(await core.found(3, condition=RARE)) == ["x00", "x10", "x20", "x30"]
    assert store.selected == 2
    assert len(await core.found(3)) < 10 + 1
    assert store.selected == 2


async def test_rows_are_listed_only_where_a_search_came_back_short() -> None:
    store = WorseStore()
    core = await filled(store)
    assert len(await core.found(3, condition=OneOf("rare", [True, False]), top_k=5)) == 5
    assert store.selected == 0


async def test_a_rough_index_gives_true_distances_in_true_order() -> None:
    exact = await filled(WorseStore())
    rough = await filled(WorseStore(roughness=0.02), "IVF_SQ8")
    query = Query("c", [vector_of(model, 3) for model in DIMENSIONS], top_k=10)
    expected, answer = await exact.index.search(query), await rough.index.search(query)
    for true, given in zip(expected.rankings, answer.rankings, strict=True):
        assert [near.distance for near in given.neighbours] == pytest.approx([n.distance for n in true.neighbours])
        assert [near.image_id for near in given.neighbours] == [n.image_id for n in true.neighbours]


async def test_a_rough_index_whose_vectors_cannot_be_read_has_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    core = await filled(WorseStore(), "HNSW_SQ")

    async def down(space: str, keys: Sequence[RowKey], **_: object) -> dict[RowKey, Vector]:
        raise BackendUnavailable("down")

    monkeypatch.setattr(core.vectors, "fetch", down)
    with pytest.raises(BackendUnavailable):
        await core.found(3)


async def test_a_search_hands_on_how_it_reads() -> None:
    store = WorseStore()
    core = await filled(store)
    wanted = {"consistency": Consistency.STRONG, "params": SearchParams(ef=7), "condition": RARE}
    await core.found(3, **wanted)
    assert store.asked == [wanted] * 2
