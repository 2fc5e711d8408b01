"""The commands of the search service, on a service that runs on its own, and is killed while it works."""

import re
import signal
from typing import Any

import grpc
import pytest
import redis

from likeness.v1 import image_search_pb2, maintenance_pb2, maintenance_pb2_grpc, search_pb2, search_pb2_grpc
from tests.integration import servicekit_probe as probe
from tests.integration.search_process import COUNT, NOT_SERVING, SERVING, SearchProcess, embedding, write

# A comparison of 60 images takes 9 seconds, and 1.8.
SLOW, FAST = 20, 100


async def served(service: SearchProcess) -> list[tuple[str, str, float]]:
    """Return for every image what is found by its vector and by its id, and its attribute."""
    async with service.channel() as channel:
        stub: Any = search_pb2_grpc.SearchServiceStub(channel)
        found = []
        for i in range(COUNT):
            vectors = search_pb2.QueryVectors(embeddings=[embedding(i)])
            common: dict[str, Any] = {"collection": "c", "top_k": 1, "include_attributes": True}
            by_vector = await stub.Search(search_pb2.SearchRequest(vectors=vectors, **common), timeout=10)
            by_id = await stub.Search(search_pb2.SearchRequest(image_id=f"x{i:02}", **common), timeout=10)
            hit = by_vector.hits[0]
            found.append((hit.image_id, by_id.hits[0].image_id, hit.attributes["number"]))
        return found


async def refuses(service: SearchProcess) -> None:
    """See that nothing is answered, and nothing made, as if what is lost had never been there."""
    async with service.channel() as channel:
        stub: Any = search_pb2_grpc.SearchServiceStub(channel)
        for call, request in (
            (stub.ListCollections, image_search_pb2.ListCollectionsRequest()),
            (stub.GetImage, image_search_pb2.GetImageRequest(collection="c", image_id="x00")),
            (stub.CreateCollection, image_search_pb2.CreateCollectionRequest()),
        ):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(request, timeout=10)
            assert probe.info(refused.value).reason == "BACKEND_UNAVAILABLE"


ALL = [(f"x{i:02}", f"x{i:02}", float(i)) for i in range(COUNT)]


async def until(stream: Any, arrived: Any) -> None:
    """Read a stream as far as a part that is waited for."""
    async for part in stream:
        if arrived(part):
            return
    raise AssertionError("the stream ended")


async def test_what_is_killed_midway_is_completed_by_the_next(service: SearchProcess) -> None:
    async with service.running(SLOW) as process:
        await service.becomes(SERVING)
        await write(service)
        async with service.channel() as channel:
            stub: Any = maintenance_pb2_grpc.MaintenanceServiceStub(channel)
            reconciling = stub.Reconcile(maintenance_pb2.ReconcileRequest(repair=True), timeout=60)
            await until(reconciling, lambda part: part.progress.done_count)
            status, _, messages = await service.command("rebuild")
            assert (status, "MAINTENANCE_RUNNING: a reconcile is at work" in messages) == (1, True)
            process.send_signal(signal.SIGKILL)
    async with service.running(SLOW) as process:
        await service.becomes(SERVING)
        with redis.Redis.from_url(service.redis_url) as client:
            client.flushall()
        await service.becomes(NOT_SERVING)
        await refuses(service)
        async with service.channel() as channel:
            stub = maintenance_pb2_grpc.MaintenanceServiceStub(channel)
            rebuilding = stub.Rebuild(maintenance_pb2.RebuildRequest(), timeout=60)
            await until(rebuilding, lambda part: part.restored_count)
            process.send_signal(signal.SIGKILL)
    async with service.running(FAST):
        await service.becomes(NOT_SERVING)
        rebuilt = await service.completes("rebuild")
        assert (rebuilt["findings"], 0 < rebuilt["restored"] < COUNT) == ([], True)
        await service.becomes(SERVING)
        assert await served(service) == ALL
        reconciled = await service.completes("reconcile", "--repair")
        assert reconciled == {"findings": [], "repaired": 0, "looked_at": 2 * COUNT}
        assert await service.completes("sweep") == {"swept": 0, "refused_collections": []}


async def test_commands_speak_to_people(service: SearchProcess) -> None:
    status, output, messages = await service.command("reconcile")
    assert (status, output) == (1, "")
    assert messages.startswith("BACKEND_UNAVAILABLE: ")
    async with service.running(100_000):
        await service.becomes(SERVING)
        await write(service)
        with redis.Redis.from_url(service.redis_url) as client:
            (records,) = client.scan_iter("*:records")
            client.hdel(records, "x07")
        status, output, messages = await service.command("reconcile")
        assert (status, output) == (2, "119 looked at, 1 found, 0 repaired.\n")
        assert re.fullmatch(r"ORPHAN_ROW c a x07 \d+\n", messages)
        status, output, messages = await service.command("reconcile", "--repair", "--collection", "c")
        assert (status, output) == (0, "119 looked at, 1 found, 1 repaired.\n")
        assert re.fullmatch(r"ORPHAN_ROW c a x07 \d+ repaired\n", messages)
        status, _, messages = await service.command("reconcile", "--collection", "none")
        assert (status, messages) == (1, "COLLECTION_NOT_FOUND: there is no collection 'none'\n")
