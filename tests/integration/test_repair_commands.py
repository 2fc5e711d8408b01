"""The commands of the search service, on a service that runs on its own, and is killed while it works."""

import asyncio
import json
import os
import re
import secrets
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import redis
from grpc_health.v1 import health_pb2, health_pb2_grpc

from likeness.v1 import (
    embedder_pb2,
    image_search_pb2,
    maintenance_pb2,
    maintenance_pb2_grpc,
    search_pb2,
    search_pb2_grpc,
    types_pb2,
)
from tests import servers
from tests.integration import servicekit_probe as probe

COUNT = 60
DIMENSION = 8
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
# A comparison of 60 images takes 9 seconds, and 1.8.
SLOW, FAST = 20, 100
PATIENCE_SECONDS = 30


@dataclass
class Service:
    """A search service as a process, over a Redis and a Milvus Lite file that outlive it."""

    redis_url: str
    directory: Path
    port: int = field(default_factory=servers.free_port)
    health_port: int = field(default_factory=servers.free_port)

    @asynccontextmanager
    async def running(self, rows_per_second: int) -> AsyncIterator[Process]:
        """Run it; it is killed at the end, if it still runs."""
        settings = {
            "PORT": self.port,
            "HEALTH_PORT": self.health_port,
            "MILVUS_URI": self.directory / "lite.db",
            "REDIS_URL": self.redis_url,
            "HEALTH_INTERVAL_SECONDS": 0.1,
            "SWEEP_INTERVAL_SECONDS": 0.3,
            "DEFAULT_DEADLINE_SECONDS": 1,
            "LEASE_SECONDS": 2,
            "MAINTENANCE_ROWS_PER_SECOND": rows_per_second,
        }
        given = {f"LIKENESS_SEARCH_{name}": str(value) for name, value in settings.items()}
        process = await start(env=os.environ | given)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
            await process.communicate()

    async def becomes(self, status: int) -> None:
        """Return once health says so."""
        async with (
            asyncio.timeout(PATIENCE_SECONDS),
            grpc.aio.insecure_channel(f"127.0.0.1:{self.health_port}") as channel,
        ):
            stub: Any = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest(service="likeness.v1.MaintenanceService")
            async for answer in stub.Watch(request, wait_for_ready=True):
                if answer.status == status:
                    return

    def channel(self) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(f"127.0.0.1:{self.port}")

    async def command(self, *arguments: str) -> tuple[int | None, str, str]:
        """Run one of the commands and return its exit status and what it wrote."""
        process = await start(*arguments, "--address", f"127.0.0.1:{self.port}")
        output, messages = await process.communicate()
        return process.returncode, output.decode(), messages.decode()

    async def completes(self, *arguments: str) -> dict[str, Any]:
        """Repeat a command, which is refused while the lease of one that was killed lasts, and return what it says."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                status, output, messages = await self.command(*arguments, "--json")
                if "MAINTENANCE_RUNNING" not in messages:
                    assert status == 0, (output, messages)
                    return dict(json.loads(output))


async def start(*arguments: str, **options: Any) -> Process:
    command = [sys.executable, "-m", "search_service", *arguments]
    return await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, **options)


@pytest.fixture
async def service(short_directory: Path, tmp_path: Path) -> AsyncIterator[Service]:
    directory = short_directory / secrets.token_hex(3)
    directory.mkdir()
    async with AsyncExitStack() as stack:
        url = stack.enter_context(servers.redis_server(directory, servers.REDIS_BINARIES["redis"]))
        yield Service(url, tmp_path)


def embedding(seed: int) -> embedder_pb2.Embedding:
    vector = np.random.default_rng(seed).normal(size=DIMENSION)
    packed = (vector / np.linalg.norm(vector)).astype("<f4").tobytes()
    vector_message = types_pb2.Vector(float32_le=packed)
    return embedder_pb2.Embedding(model="a", fingerprint="f" * 64, dimension=DIMENSION, vector=vector_message)


async def write(service: Service) -> None:
    async with service.channel() as channel:
        stub: Any = search_pb2_grpc.SearchServiceStub(channel)
        binding = image_search_pb2.ModelBinding(model="a", fingerprint="f" * 64, dimension=DIMENSION)
        made = image_search_pb2.Collection(name="c", bindings=[binding])
        await stub.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=made), timeout=10)
        images = []
        for i in range(COUNT):
            version = search_pb2.ImageVersion(image_id=f"x{i:02}", content_sha256=f"{i:064x}")
            version.attributes.update({"number": i})
            images.append(search_pb2.ImageVectors(version=version, width_px=4, height_px=3, embeddings=[embedding(i)]))
        request = search_pb2.UpsertImagesRequest(collection="c", images=images)
        answer = await stub.UpsertImages(request, timeout=10)
        created = image_search_pb2.IndexResult.OUTCOME_CREATED
        assert [result.outcome for result in answer.results] == [created] * COUNT


async def served(service: Service) -> list[tuple[str, str, float]]:
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


async def refuses(service: Service) -> None:
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


async def test_what_is_killed_midway_is_completed_by_the_next(service: Service) -> None:
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


async def test_commands_speak_to_people(service: Service) -> None:
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
