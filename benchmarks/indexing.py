"""Indexing: how many photographs a second become durable, beside how many the embedder alone can embed."""

import asyncio

import grpc

from benchmarks.draw import Draw, fresh
from benchmarks.figures import Figure, at_least, times
from benchmarks.ingest import Ingest
from benchmarks.load import Load
from benchmarks.plan import Plan
from benchmarks.running import Running
from benchmarks.sides import Embed, IndexBatch
from likeness.v1 import image_search_pb2, image_search_pb2_grpc

NETWORK = "mobilenetv2"
_COLLECTION = "indexed"
_PHOTOGRAPHS, _SWEPT = 960, 320
# Photographs in a call, and calls at once.
_SHAPES = {4: 8, 8: 8, 16: 6, 64: 3}
Calls = Embed | IndexBatch


def indexing(running: Running, load: Load, plan: Plan) -> list[Figure]:
    """Compare IngestImages and IndexImages with Embed, each at its best, over the same photographs and model."""
    model, draw = NETWORK if plan.shared_data else "colour", fresh()
    asyncio.run(_create(running.gateway, model))
    about = (running.directory, _COLLECTION, model)
    embed = _best(load, draw, [Embed(running.embedder, *about, batch) for batch in _SHAPES])
    index = _best(load, draw, [IndexBatch(running.gateway, *about, batch) for batch in _SHAPES])
    stream = Ingest(running.gateway, *about)
    rounds = [
        (
            _rate(load, draw, embed, _PHOTOGRAPHS),
            load.run(stream.ingest, draw.take(_PHOTOGRAPHS)),
            _rate(load, draw, index, _PHOTOGRAPHS),
        )
        for _ in range(plan.rounds)
    ]
    alone, streamed, called = zip(*rounds, strict=True)
    limit = f"{model}, against Embed alone ({_shape(embed)})"
    return [
        times(f"IngestImages, durable: {limit}", streamed, alone, "/s", at_least(0.85)),
        times(f"IndexImages, durable ({_shape(index)}): {limit}", called, alone, "/s", at_least(0.85)),
    ]


def _best(load: Load, draw: Draw, sides: list[Calls]) -> Calls:
    return max(sides, key=lambda side: _rate(load, draw, side, _SWEPT))


def _rate(load: Load, draw: Draw, side: Calls, photographs: int) -> float:
    """Return photographs a second."""
    return load.run(side.rate, draw.take(photographs)[:: side.batch], _SHAPES[side.batch]) * side.batch


def _shape(side: Calls) -> str:
    return f"{_SHAPES[side.batch]} calls of {side.batch} at once"


async def _create(address: str, model: str) -> None:
    collection = image_search_pb2.Collection(name=_COLLECTION, models=[model])
    async with grpc.aio.insecure_channel(address) as channel:
        stub = image_search_pb2_grpc.ImageSearchServiceStub(channel)
        await stub.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=collection))
