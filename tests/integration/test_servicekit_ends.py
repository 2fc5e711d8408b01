"""A server that gRPC has ended serves again, on the same port."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from servicekit import server
from tests.integration import servicekit_probe as probe
from tests.integration.servicekit_probe import ProbeSettings
from tests.raw_calls import call_of


async def closed(port: int) -> None:
    """Return once nobody listens on a port."""
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return
            writer.close()
            await asyncio.sleep(0)


async def answered(port: int) -> None:
    """Return once the server behind a port answers."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        await stub.Check(health_pb2.HealthCheckRequest(), wait_for_ready=True, timeout=10)


@pytest.mark.long
@pytest.mark.parametrize("which", ["service", "health"])
@pytest.mark.parametrize("path", [b"/\x9c\x99", b"/likeness.v1.ImageSearchService/\xff"])
async def test_a_call_that_grpc_cannot_bear_closes_the_port_for_a_moment_only(path: bytes, which: str) -> None:
    """Not among the others: about once in ten times, what gRPC then does harms memory that is not its own."""
    started: asyncio.Future[server.Ports] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    running = server.run(probe.build_with(probe.Attempts()), ProbeSettings(), stop=stop, started=started.set_result)
    serving = asyncio.create_task(running)
    ports = await started
    port: int = getattr(ports, which)
    for _ in range(2):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(call_of(path))
        await closed(port)
        writer.close()
        await answered(port)
    stop.set()
    await serving
