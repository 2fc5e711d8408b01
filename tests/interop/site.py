"""The stack that the clients call, and what can be amiss with it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import redis
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deploy.local.record import Record
from deploy.local.stack import Stack
from likeness.v1 import image_search_pb2 as pb
from likeness.v1 import image_search_pb2_grpc
from search_service.redis_keys import COLLECTIONS, LEASE, key
from tests.embedder_process import embedder_process, until_serving
from tests.interop.clients import Heard
from tests.servers import eventually, lite_processes, stopped

_PATIENCE_SECONDS = 30.0
_CROWD = "crowd"


@dataclass(frozen=True)
class Site:
    """A stack, and where its parts answer. A `crowded` gateway has one place, a `guarded` one asks for tokens."""

    stack: Stack
    addresses: dict[str, str]

    @contextmanager
    def redis(self) -> Iterator["redis.Redis"]:
        """Give a client of the stack's Redis."""
        record = Record.read(self.stack.settings.state)
        assert record is not None
        with redis.Redis(unix_socket_path=str(record.run_directory / "redis.sock"), decode_responses=True) as client:
            yield client

    def pid(self, name: str) -> int:
        """Return the process of a part."""
        (found,) = [part.pid for part in self.stack.status() if part.name == name]
        assert found is not None
        return found

    @asynccontextmanager
    async def gateway(self, at: str = "gateway") -> AsyncIterator[Any]:
        """Give a stub of our own."""
        async with grpc.aio.insecure_channel(self.addresses[at]) as channel:
            yield image_search_pb2_grpc.ImageSearchServiceStub(channel)


@asynccontextmanager
async def nothing(_: Site) -> AsyncIterator[None]:
    """All is well."""
    yield


@asynccontextmanager
async def place_taken(site: Site) -> AsyncIterator[Heard]:
    """A stream of ours holds the only place, until somebody was refused for it."""
    async with site.gateway("crowded") as gateway:
        stream = gateway.IngestImages()
        await stream.write(pb.IngestImagesRequest(collection="album"))
        assert (await stream.read()).HasField("backoff")
        yield stream.done_writing
        await stream.done_writing()


@asynccontextmanager
async def search_hangs(site: Site) -> AsyncIterator[None]:
    """The search service says nothing."""
    with stopped([site.pid("search")]):
        yield


@asynccontextmanager
async def redis_gone(site: Site) -> AsyncIterator[None]:
    """Redis has died."""
    site.stack.kill("redis")
    try:
        yield
    finally:
        site.stack.start_part("redis")
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await _serving(site.stack.settings.ports.health_address("search"))


@asynccontextmanager
async def record_damaged(site: Site) -> AsyncIterator[None]:
    """The record of one image is no record."""
    with site.redis() as client:
        records = _key(client, "records")
        client.hset(records, "damaged", "garbage")
        yield
        client.hdel(records, "damaged")


@asynccontextmanager
async def delete_overtakes(site: Site) -> AsyncIterator[None]:
    """A write is under way, and Milvus slow, when its image is deleted."""
    overtaking = asyncio.create_task(_overtake(site))
    try:
        yield
    finally:
        await overtaking


async def _overtake(site: Site) -> None:
    lite = lite_processes(site.stack.settings.state / "milvus" / "likeness.db")
    with stopped(lite), site.redis() as client:

        async def begun() -> bool:
            return bool(client.exists(_key(client, "intents")))

        await eventually(begun, _PATIENCE_SECONDS)
        async with site.gateway() as gateway:
            await gateway.DeleteImages(pb.DeleteImagesRequest(collection="album", image_ids=["late"]))


@asynccontextmanager
async def maintenance_at_work(site: Site) -> AsyncIterator[None]:
    """Another replica holds the lease."""
    with site.redis() as client:
        client.set(LEASE, _OTHER, px=int(_PATIENCE_SECONDS * 1000))
        yield
        client.delete(LEASE)


@asynccontextmanager
async def lease_taken(site: Site) -> AsyncIterator[None]:
    """Another replica gets the lease while a reconcile is at work."""
    with site.redis() as client:

        async def begun() -> bool:
            return bool(client.set(LEASE, _OTHER, px=int(_PATIENCE_SECONDS * 1000), xx=True))

        taking = asyncio.create_task(eventually(begun, _PATIENCE_SECONDS))
        yield
        await taking
        client.delete(LEASE)


@asynccontextmanager
async def embedder_leaves(site: Site) -> AsyncIterator[Heard]:
    """An embedder beside the stack's is told to stop as soon as somebody has heard from it."""
    async with embedder_process() as leaving:
        site.addresses["leaving"] = f"127.0.0.1:{(await until_serving(leaving))['serving']['port']}"

        async def told() -> None:
            leaving.terminate()

        yield told
        async with asyncio.timeout(_PATIENCE_SECONDS):
            assert await leaving.wait() == 0


_OTHER = "sweep of another"


def _key(client: "redis.Redis", name: str) -> str:
    """Return the name of a key of the album."""
    return key(json.loads(str(client.hget(COLLECTIONS, "album")))["uid"], name)


async def _serving(address: str) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        async for answer in health.Watch(health_pb2.HealthCheckRequest()):
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return


CONDITIONS: dict[str, Any] = {
    "every place is taken": place_taken,
    "the search service hangs": search_hangs,
    "redis is gone": redis_gone,
    "a record is damaged": record_damaged,
    "a delete overtakes the write": delete_overtakes,
    "maintenance is at work": maintenance_at_work,
    "another takes the lease": lease_taken,
    "an embedder is told to stop once it has answered": embedder_leaves,
}


def condition(name: str, site: Site) -> AbstractAsyncContextManager[Heard | None]:
    """Return what brings a condition about while its block runs, and gives what to do once a client has heard."""
    made: AbstractAsyncContextManager[Heard | None] = CONDITIONS[name](site)
    return made
