"""Growth: what a search takes and what an image occupies, as a collection grows."""

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import filling
from benchmarks.direct import Direct
from benchmarks.draw import shuffled
from benchmarks.figures import percentile_ms
from benchmarks.filling import Collection, Model
from benchmarks.footprint import Footprint, footprint
from benchmarks.load import WARM_CALLS, Load
from benchmarks.plan import Plan
from benchmarks.running import Running
from benchmarks.sides import SearchById

_CALLS = 300


@dataclass(frozen=True)
class Size:
    """How one size was: p50 through the gateway and of Milvus alone, and what was occupied."""

    kind: str
    dimension: int
    images: int
    search_ms: float
    direct_ms: float
    footprint: Footprint


def growth(running: Running, load: Load, plan: Plan, kind: str) -> Iterator[Size]:
    """Let the only collection of a Milvus grow, and look at it at each size."""
    collection = asyncio.run(filling.create(running, "growing", Model(plan.growth_dimension), kind))
    for before, images in itertools.pairwise((0, *plan.growth_sizes)):
        asyncio.run(filling.fill(running, collection, range(before, images)))
        filling.settle(running, collection)
        yield _size(running, load, collection, kind, images)


def _size(running: Running, load: Load, collection: Collection, kind: str, images: int) -> Size:
    wanted = shuffled(images)
    sides = (
        SearchById(running.gateway, collection.name),
        Direct(running.milvus_uri, collection.space, collection.model.dimension),
    )
    ours_ms, direct_ms = (
        percentile_ms(load.run(side.latencies, wanted.take(_CALLS + WARM_CALLS)), 50) for side in sides
    )
    return Size(kind, collection.model.dimension, images, ours_ms, direct_ms, footprint(running))
