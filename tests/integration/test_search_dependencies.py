"""The search service while Redis or Milvus is absent, comes, hangs and goes."""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import search_service.app
from likeness.v1 import image_search_pb2, search_pb2_grpc
from search_service.settings import SearchSettings
from tests import servers
from tests.integration import servicekit_probe as probe
from tests.serving import Serving, serving

NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
Start = Callable[..., Awaitable[Serving]]


@pytest.fixture
def socket_directory(short_directory: Path) -> Path:
    directory = short_directory / secrets.token_hex(3)
    directory.mkdir()
    return directory


@pytest.fixture
async def search(socket_directory: Path, tmp_path: Path) -> AsyncIterator[Serving]:
    """A search service whose Redis is not there yet."""
    settings = SearchSettings(
        port=0,
        health_port=0,
        metrics_port=0,
        drain_seconds=0,
        health_interval_seconds=0.1,
        redis_url=f"unix://{socket_directory / 'redis.sock'}",
        redis_timeout_seconds=0.5,
        milvus_uri=str(tmp_path / "lite.db"),
    )
    async with serving(search_service.app.build, settings) as running:
        yield running


async def status_of(running: Serving, service: str) -> int:
    async with grpc.aio.insecure_channel(running.health_address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        return int((await health.Check(health_pb2.HealthCheckRequest(service=service))).status)


async def listing(running: Serving) -> grpc.StatusCode:
    """List collections within two seconds and return the code."""
    async with grpc.aio.insecure_channel(running.address) as channel:
        stub: Any = search_pb2_grpc.SearchServiceStub(channel)
        call = stub.ListCollections(image_search_pb2.ListCollectionsRequest(), timeout=2)
        assert "redis" not in str(await call.details()).lower()
        code: grpc.StatusCode = await call.code()
        return code


async def stage_of_late_listing(running: Serving) -> str:
    """List collections in less time than Redis is waited for and return the stage in which that ended."""
    async with grpc.aio.insecure_channel(running.address) as channel:
        stub: Any = search_pb2_grpc.SearchServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ListCollections(image_search_pb2.ListCollectionsRequest(), timeout=0.3)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    return str(probe.info(caught.value).metadata["stage"])


async def test_a_service_outlives_its_absent_redis(search: Serving, socket_directory: Path) -> None:
    assert await listing(search) is grpc.StatusCode.UNAVAILABLE
    assert await status_of(search, "") == NOT_SERVING
    assert await status_of(search, "liveness") == health_pb2.HealthCheckResponse.SERVING
    with servers.redis_server(socket_directory, servers.REDIS_BINARIES["redis"]):
        async with asyncio.timeout(5):
            await search.ready()
        assert await listing(search) is grpc.StatusCode.OK
    await search.ready("liveness")
    assert await listing(search) is grpc.StatusCode.UNAVAILABLE


async def test_a_redis_that_hangs_fails_calls_in_time_and_is_found_again(
    search: Serving, socket_directory: Path
) -> None:
    with ExitStack() as stack:
        stack.enter_context(servers.redis_server(socket_directory, servers.REDIS_BINARIES["redis"]))
        await search.ready()
        pid = int(next(socket_directory.glob("redis.pid")).read_text())
        os.kill(pid, signal.SIGSTOP)
        stack.callback(os.kill, pid, signal.SIGCONT)
        assert await stage_of_late_listing(search) == "search"
        assert await listing(search) is grpc.StatusCode.UNAVAILABLE
        os.kill(pid, signal.SIGCONT)
        await search.ready()
        assert await listing(search) is grpc.StatusCode.OK


async def test_an_absent_milvus_server_leaves_the_rest_answering(redis_url: str) -> None:
    settings = SearchSettings(
        port=0,
        health_port=0,
        metrics_port=0,
        drain_seconds=0,
        redis_url=redis_url,
        milvus_uri=f"http://127.0.0.1:{servers.free_port()}",
    )
    async with serving(search_service.app.build, settings) as running:
        assert await listing(running) is grpc.StatusCode.OK
        assert await status_of(running, "") == NOT_SERVING
