"""Servers run inside the test process, on ports that are free."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from servicekit import server
from servicekit.settings import ServerSettings
from servicekit.tracing import Tracer

Settings = TypeVar("Settings", bound=ServerSettings)
Build = Callable[[Settings], AbstractAsyncContextManager[server.App]]

_START_SECONDS = 60


async def ready(health_address: str, service: str = "") -> None:
    """Return once a server says that `service` is SERVING."""
    async with asyncio.timeout(_START_SECONDS), grpc.aio.insecure_channel(health_address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        async for answer in health.Watch(health_pb2.HealthCheckRequest(service=service)):
            if answer.status == health_pb2.HealthCheckResponse.SERVING:
                return


class Serving:
    """A server that runs in this process."""

    def __init__(self, task: "asyncio.Task[None]", ports: server.Ports, stopping: asyncio.Event) -> None:
        self.address = f"127.0.0.1:{ports.service}"
        self.health_address = f"127.0.0.1:{ports.health}"
        self.metrics_url = f"http://127.0.0.1:{ports.metrics}/metrics"
        self._task = task
        self._stopping = stopping

    async def ready(self, service: str = "") -> None:
        """Return once `service` is SERVING."""
        await ready(self.health_address, service)

    def drain(self) -> None:
        """Begin to stop, as SIGTERM would."""
        self._stopping.set()

    async def stop(self) -> None:
        """Stop, and return once everything is closed. May be called twice."""
        self.drain()
        await self._task


@asynccontextmanager
async def serving(build: Build[Settings], settings: Settings, tracer: Tracer | None = None) -> AsyncIterator[Serving]:
    """Run a server while the block runs. Settings that name no port get a free one."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    started: asyncio.Future[server.Ports] = loop.create_future()
    task = loop.create_task(server.run(build, settings, stop=stopping, tracer=tracer, started=started.set_result))
    pending: set[asyncio.Future[Any]] = {task, started}
    await asyncio.wait(pending, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    if not started.done():
        task.cancel()
        await task
    running = Serving(task, started.result(), stopping)
    try:
        yield running
    finally:
        await running.stop()
