"""A search service as a process, over a Redis and a Milvus Lite file that outlive it."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from grpc_health.v1 import health_pb2, health_pb2_grpc

from likeness.v1 import embedder_pb2, image_search_pb2, search_pb2, search_pb2_grpc, types_pb2
from tests import servers

COUNT = 60
DIMENSION = 8
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
PATIENCE_SECONDS = 30


@dataclass
class SearchProcess:
    """A search service as a process, over a Redis and a Milvus Lite file that outlive it."""

    redis_url: str
    directory: Path
    port: int = field(default_factory=servers.free_port)
    health_port: int = field(default_factory=servers.free_port)

    @property
    def file(self) -> Path:
        """Milvus Lite's."""
        return self.directory / "lite.db"

    @asynccontextmanager
    async def running(self, rows_per_second: int) -> AsyncIterator[Process]:
        """Run it; it is killed at the end, if it still runs."""
        settings = {
            "PORT": self.port,
            "HEALTH_PORT": self.health_port,
            "METRICS_PORT": 0,
            "MILVUS_URI": self.file,
            "REDIS_URL": self.redis_url,
            "HEALTH_INTERVAL_SECONDS": 0.1,
            "SWEEP_INTERVAL_SECONDS": 0.3,
            "DEFAULT_DEADLINE_SECONDS": 1,
            "DRAIN_SECONDS": 0,
            "LEASE_SECONDS": 2,
            "MILVUS_TIMEOUT_SECONDS": 3,
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


def embedding(seed: int) -> embedder_pb2.Embedding:
    vector = np.random.default_rng(seed).normal(size=DIMENSION)
    packed = (vector / np.linalg.norm(vector)).astype("<f4").tobytes()
    vector_message = types_pb2.Vector(float32_le=packed)
    return embedder_pb2.Embedding(model="a", fingerprint="f" * 64, dimension=DIMENSION, vector=vector_message)


def upsert(attempt: int = 0) -> search_pb2.UpsertImagesRequest:
    """Return a request that writes all images; their content is another for each attempt."""
    images = []
    for i in range(COUNT):
        version = search_pb2.ImageVersion(image_id=f"x{i:02}", content_sha256=f"{attempt * COUNT + i:064x}")
        version.attributes.update({"number": i})
        images.append(search_pb2.ImageVectors(version=version, width_px=4, height_px=3, embeddings=[embedding(i)]))
    return search_pb2.UpsertImagesRequest(collection="c", images=images)


async def write(service: SearchProcess) -> None:
    async with service.channel() as channel:
        stub: Any = search_pb2_grpc.SearchServiceStub(channel)
        binding = image_search_pb2.ModelBinding(model="a", fingerprint="f" * 64, dimension=DIMENSION)
        made = image_search_pb2.Collection(name="c", bindings=[binding])
        await stub.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=made), timeout=10)
        answer = await stub.UpsertImages(upsert(), timeout=10)
        created = image_search_pb2.IndexResult.OUTCOME_CREATED
        assert [result.outcome for result in answer.results] == [created] * COUNT
