"""A collection of synthetic vectors, written through the search service, and its index built."""

import asyncio
import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass

import grpc
import psutil
from pymilvus import MilvusClient

from benchmarks.running import Running
from benchmarks.vectors import vector
from likeness.v1 import embedder_pb2, image_search_pb2, search_pb2, search_pb2_grpc, types_pb2

KINDS = {"HNSW": image_search_pb2.IndexParams.KIND_HNSW, "FLAT": image_search_pb2.IndexParams.KIND_FLAT}
_BATCH_IMAGES = 64
_BATCHES = 4
_CALL_SECONDS = 60.0
_INDEX_SECONDS = 900.0
_POLL_SECONDS = 1.0
# In percent of a core.
_QUIET_PERCENT = 25.0


@dataclass(frozen=True)
class Model:
    """A model that no embedder needs to serve, for the vectors are given."""

    dimension: int
    name: str = "synthetic"
    fingerprint: str = "f" * 64


@dataclass(frozen=True)
class Collection:
    """A collection of the search service that holds the vectors 0 to n - 1, and the Milvus collection behind it."""

    name: str
    model: Model
    space: str


async def create(running: Running, name: str, model: Model, kind: str) -> Collection:
    """Make an empty collection."""
    before = spaces(running)
    binding = image_search_pb2.ModelBinding(model=model.name, fingerprint=model.fingerprint, dimension=model.dimension)
    wanted = image_search_pb2.Collection(
        name=name, models=[model.name], bindings=[binding], index=image_search_pb2.IndexParams(kind=KINDS[kind])
    )
    async with grpc.aio.insecure_channel(running.search) as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        await stub.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=wanted))
    (space,) = spaces(running) - before
    return Collection(name, model, space)


def spaces(running: Running) -> set[str]:
    """Return the names of the Milvus collections that there are."""
    client = MilvusClient(running.milvus_uri)
    try:
        return set(client.list_collections())
    finally:
        client.close()


async def fill(running: Running, collection: Collection, numbers: range) -> float:
    """Write the vectors of these numbers and return how many a second were durable."""
    batches = iter([numbers[i : i + _BATCH_IMAGES] for i in range(0, len(numbers), _BATCH_IMAGES)])
    started = time.perf_counter()
    async with grpc.aio.insecure_channel(running.search) as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        await asyncio.gather(*(_write(stub, collection, batches) for _ in range(_BATCHES)))
    return len(numbers) / (time.perf_counter() - started)


async def _write(stub: search_pb2_grpc.SearchServiceStub, collection: Collection, batches: Iterable[range]) -> None:
    """Take batches from what all writers share until none is left."""
    for batch in batches:
        images = [_image(number, collection.model) for number in batch]
        request = search_pb2.UpsertImagesRequest(collection=collection.name, images=images)
        await stub.UpsertImages(request, timeout=_CALL_SECONDS)


def image_id(number: int) -> str:
    """Return the id of the image with this number."""
    return f"image/{number}"


def embedding(number: int, model: Model) -> embedder_pb2.Embedding:
    """Return the vector of a number as the embedder would send it."""
    packed = types_pb2.Vector(float32_le=vector(number, model.dimension).tobytes())
    return embedder_pb2.Embedding(
        model=model.name, fingerprint=model.fingerprint, dimension=model.dimension, vector=packed
    )


def _image(number: int, model: Model) -> search_pb2.ImageVectors:
    sha256 = hashlib.sha256(str(number).encode()).hexdigest()
    version = search_pb2.ImageVersion(image_id=image_id(number), content_sha256=sha256)
    return search_pb2.ImageVectors(version=version, width_px=640, height_px=480, embeddings=[embedding(number, model)])


def settle(running: Running, collection: Collection) -> float:
    """Return once all rows are indexed and Milvus has come to rest, and the seconds that this took."""
    started = time.monotonic()
    client = MilvusClient(running.milvus_uri)
    try:
        client.flush(collection.space, timeout=_INDEX_SECONDS)
        while client.describe_index(collection.space, "vector")["pending_index_rows"] or not _is_quiet():
            if time.monotonic() > started + _INDEX_SECONDS:
                raise TimeoutError(f"the index is not built within {_INDEX_SECONDS:.0f} s")
    finally:
        client.close()
    return time.monotonic() - started


def milvus_processes() -> list[psutil.Process]:
    """Return the processes of the Milvus that this process has started."""
    return [child for child in psutil.Process().children(recursive=True) if child.name() == "milvus"]


def _is_quiet() -> bool:
    """Look for a second: segments are loaded, compacted and cleaned up behind an index that is built."""
    before = _cpu_seconds()
    time.sleep(_POLL_SECONDS)
    return (_cpu_seconds() - before) / _POLL_SECONDS * 100 < _QUIET_PERCENT


def _cpu_seconds() -> float:
    return sum(sum(process.cpu_times()[:2]) for process in milvus_processes())
