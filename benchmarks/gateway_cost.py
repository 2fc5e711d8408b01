"""What the gateway adds to the embedder and the search service."""

import asyncio
from collections.abc import Sequence
from statistics import median

import grpc

from benchmarks import filling
from benchmarks.figures import Bar, Figure, at_most, percentile_ms
from benchmarks.filling import Model
from benchmarks.load import WARM_CALLS, Load, in_turn
from benchmarks.plan import Plan
from benchmarks.running import Running
from benchmarks.sides import Embed, SearchByPicture, SearchByVector
from likeness.v1 import embedder_pb2, embedder_pb2_grpc

# The gateway does the same for every model; with a light one, the least of what is not the gateway's is in the figure.
_MODEL = "colour"
_IMAGES, _CALLS = 2000, 500


def gateway_cost(running: Running, load: Load, plan: Plan) -> list[Figure]:
    """Take SearchImages by a new photograph, and from it Embed of the photograph and Search of a vector."""
    model = asyncio.run(_model(running.embedder))
    collection = asyncio.run(filling.create(running, "photographs", model, "HNSW"))
    asyncio.run(filling.fill(running, collection, range(_IMAGES)))
    filling.settle(running, collection)
    photographs = (running.directory, collection.name, _MODEL)
    sides = [
        SearchByPicture(running.gateway, *photographs),
        Embed(running.embedder, *photographs),
        SearchByVector(running.search, collection.name, model),
    ]
    numbers = [range(i * 1000, i * 1000 + _CALLS + WARM_CALLS) for i in range(plan.rounds)]
    rounds = [load.run(in_turn, sides, wanted) for wanted in numbers]
    return [_cost(rounds, 50, at_most(2)), _cost(rounds, 99, at_most(5))]


def _cost(rounds: Sequence[Sequence[Sequence[float]]], percent: float, bar: Bar) -> Figure:
    """Return a percentile of what each call through the gateway took more than the other two with the same number."""
    costs = [
        percentile_ms([whole - embed - search for whole, embed, search in zip(*sides, strict=True)], percent)
        for sides in rounds
    ]
    parts = [median(percentile_ms(side, percent) for side in sides) for sides in zip(*rounds, strict=True)]
    whole, embed, search = (f"{part:.3g}" for part in parts)
    name = f"the gateway's own cost: SearchImages by photograph less Embed less Search, p{percent:g}"
    return Figure(name, median(costs), "ms", f"{whole} ms", f"{embed} + {search} ms", costs, bar)


async def _model(address: str) -> Model:
    async with grpc.aio.insecure_channel(address) as channel:
        answer = await embedder_pb2_grpc.EmbedderServiceStub(channel).ListModels(embedder_pb2.ListModelsRequest())
    (model,) = (model for model in answer.models if model.name == _MODEL)
    return Model(model.dimension, model.name, model.fingerprint)
