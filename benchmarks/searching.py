"""Searches by id: what ours cost beside pymilvus alone on the same server."""

import asyncio
from collections.abc import Sequence

from benchmarks import filling
from benchmarks.direct import Direct
from benchmarks.draw import Draw, shuffled
from benchmarks.figures import Bar, Figure, at_least, at_most, percentile_ms, times
from benchmarks.filling import Collection, Model
from benchmarks.load import WARM_CALLS, Load, Side
from benchmarks.plan import Plan
from benchmarks.running import Running
from benchmarks.sides import SearchById

_ALONE, _TOGETHER = 300, 1200
_AT_ONCE = (8, 16)
# So few that the vectors of all are kept.
_FEW = 2000


def searching(running: Running, load: Load, plan: Plan) -> list[Figure]:
    """Compare SearchImages by the id of an image with the search that Milvus makes for it."""
    collection = asyncio.run(_filled(running, Model(plan.dimension), plan.images))
    direct = Direct(running.milvus_uri, collection.space, plan.dimension)
    ours = SearchById(running.gateway, collection.name)
    name = f"SearchImages by id, {plan.images:,} x {plan.dimension}-d"
    # No id is asked for twice, as far as the collection has so many: the cache of vectors would flatter us.
    every, few = shuffled(plan.images), shuffled(_FEW)
    load.run(ours.latencies, few.take(_FEW + WARM_CALLS))
    fresh = _compared(load, plan, (ours, direct), every)
    again = _compared(load, plan, (ours, direct), few)
    return [
        *_figures(f"{name}, new ids, against pymilvus", fresh, at_most(1.5), at_least(0.7)),
        *_figures(f"{name}, ids asked for before, against pymilvus", again),
    ]


Round = tuple[list[float], list[float]]


def _compared(load: Load, plan: Plan, sides: Sequence[Side], draw: Draw) -> list[Round]:
    """Return for each round the p50 of every side in milliseconds, and the calls a second."""
    return [
        ([_alone_ms(load, side, draw) for side in sides], [_saturated(load, side, draw) for side in sides])
        for _ in range(plan.rounds)
    ]


def _figures(name: str, rounds: list[Round], p50: Bar | None = None, rate: Bar | None = None) -> list[Figure]:
    alone, together = ([list(side) for side in zip(*taken, strict=True)] for taken in zip(*rounds, strict=True))
    return [
        times(f"{name}: p50", alone[0], alone[1], "ms", p50),
        times(f"{name}: throughput", together[0], together[1], "/s", rate),
    ]


async def _filled(running: Running, model: Model, images: int) -> Collection:
    collection = await filling.create(running, "search", model, "HNSW")
    await filling.fill(running, collection, range(images))
    await asyncio.to_thread(filling.settle, running, collection)
    return collection


def _alone_ms(load: Load, side: Side, draw: Draw) -> float:
    return percentile_ms(load.run(side.latencies, draw.take(_ALONE + WARM_CALLS)), 50)


def _saturated(load: Load, side: Side, draw: Draw) -> float:
    """Return the calls a second at the number of calls at once that gives the most."""
    return max(load.run(side.rate, draw.take(_TOGETHER + WARM_CALLS), at_once) for at_once in _AT_ONCE)
