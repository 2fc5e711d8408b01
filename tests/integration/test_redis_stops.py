"""The whole system while its Redis hangs, and comes back."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from likeness.v1 import embedder_pb2, image_search_pb2, search_pb2, types_pb2
from tests import redis_servers
from tests.integration.test_system_search import photo
from tests.redis_servers import Instance
from tests.system import System, system

DEADLINES = (0.3, 1.0, 2.5)
LATE_SECONDS = 0.1
READY_SECONDS = 5.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with redis_servers.redis_instance(tmp_path_factory.mktemp("stops")) as instance:
        yield instance


@pytest.fixture(scope="module")
async def likeness(server: Instance, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    """The system, with one indexed photo in the collection `stops`."""
    async with system(str(tmp_path_factory.mktemp("stops") / "lite.db"), server.url) as running:
        made = image_search_pb2.Collection(name="stops", models=["colour", "shape"])
        await running.gateway.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=made))
        await running.gateway.IndexImages(indexing("one", 1))
        yield running


def indexing(image_id: str, seed: int) -> image_search_pb2.IndexImagesRequest:
    entry = image_search_pb2.ImageEntry(image_id=image_id, image=types_pb2.Image(content=photo(seed)))
    return image_search_pb2.IndexImagesRequest(collection="stops", entries=[entry])


def affected(gateway: Any) -> list[Callable[[float], Any]]:
    """Return calls of every kind that needs Redis."""
    image = types_pb2.Image(content=photo(1))
    search = image_search_pb2.SearchImagesRequest(collection="stops", image=image)
    get = image_search_pb2.GetImageRequest(collection="stops", image_id="one")
    delete = image_search_pb2.DeleteImagesRequest(collection="stops", image_ids=["two"])
    return [
        lambda seconds: gateway.SearchImages(search, timeout=seconds),
        lambda seconds: gateway.GetImage(get, timeout=seconds),
        lambda seconds: gateway.IndexImages(indexing("one", 2), timeout=seconds),
        lambda seconds: gateway.DeleteImages(delete, timeout=seconds),
        lambda seconds: gateway.ListCollections(image_search_pb2.ListCollectionsRequest(), timeout=seconds),
    ]


def reason_of(error: grpc.aio.AioRpcError) -> str:
    """Return the reason that an error gives; a client that stops waiting gives none."""
    packed = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    info = error_details_pb2.ErrorInfo()
    for detail in status_pb2.Status.FromString(packed).details if packed else ():
        detail.Unpack(info)
    return str(info.reason)


async def ended(call: Callable[[float], Awaitable[Any]], deadline: float) -> tuple[str, str, float]:
    """Return a call's code, its reason and how long past its deadline it ended."""
    started = time.monotonic()
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call(deadline)
    return error.value.code().name, reason_of(error.value), time.monotonic() - started - deadline


async def health_of(address: str, service: str) -> int:
    async with grpc.aio.insecure_channel(address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        return int((await health.Check(health_pb2.HealthCheckRequest(service=service))).status)


@pytest.mark.parametrize("seconds", [2, pytest.param(30, marks=pytest.mark.long)])
async def test_calls_end_in_time_and_the_rest_goes_on(likeness: System, server: Instance, seconds: int) -> None:
    models = embedder_pb2.ListModelsRequest()
    health = likeness.servers["search"].health_address
    server.stop()
    try:
        resumes = time.monotonic() + seconds
        while time.monotonic() < resumes:
            calls = [ended(call, deadline) for call in affected(likeness.gateway) for deadline in DEADLINES]
            outcomes, _ = await asyncio.gather(asyncio.gather(*calls), likeness.gateway.ListModels(models, timeout=1))
            assert {outcome[:2] for outcome in outcomes} <= {
                ("UNAVAILABLE", "BACKEND_UNAVAILABLE"),
                ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"),
                ("DEADLINE_EXCEEDED", ""),
            }
            assert max(late for _, _, late in outcomes) < LATE_SECONDS
        assert await health_of(health, "") == health_pb2.HealthCheckResponse.NOT_SERVING
        assert await health_of(health, "liveness") == health_pb2.HealthCheckResponse.SERVING
    finally:
        server.resume()
    async with asyncio.timeout(READY_SECONDS):
        await likeness.servers["search"].ready()
        for call in affected(likeness.gateway):
            await call(READY_SECONDS)


async def test_a_search_reads_redis_twice(likeness: System, server: Instance) -> None:
    """Once for the collection and once for the records of all that was found, whatever the number of models."""
    embed = embedder_pb2.EmbedRequest(images=[types_pb2.Image(content=photo(1))], models=["colour", "shape"])
    (embedded,) = (await likeness.embedder.Embed(embed)).results
    vectors = search_pb2.QueryVectors(embeddings=embedded.embeddings)
    server.ask("CONFIG RESETSTAT")
    for _ in range(10):
        await likeness.search.Search(search_pb2.SearchRequest(collection="stops", vectors=vectors))
    seen = {name: stats["calls"] for name, stats in server.ask("INFO", "commandstats").items()}
    # What health and sweep ask beside it: hexists, info, config, hvals, evalsha and what that runs.
    reads = {"cmdstat_hget", "cmdstat_hmget", "cmdstat_zcard", "cmdstat_get", "cmdstat_mget", "cmdstat_hgetall"}
    assert {name: seen[name] for name in reads & seen.keys()} == {"cmdstat_hget": 10, "cmdstat_hmget": 10}
