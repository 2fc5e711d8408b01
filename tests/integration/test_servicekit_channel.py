"""Channels to other services: balancing, retries and sizes, with the service config that callers get."""

import asyncio
import contextlib
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import grpc
import pytest

from likeness.v1 import embedder_pb2, embedder_pb2_grpc, types_pb2
from servicekit import channel as channels
from servicekit import errors
from tests.integration import servicekit_probe as probe
from tests.integration.servicekit_probe import ProbeSettings
from tests.serving import Serving

Serve = Callable[..., Awaitable[Serving]]
MIB = 1024 * 1024
SERVICE_CONFIG = channels.service_config("likeness.v1", "likeness_grpc_service_config.json")


@contextlib.asynccontextmanager
async def connected(target: str, max_message_bytes: int = 32 * MIB) -> AsyncIterator[grpc.aio.Channel]:
    async with channels.connect(target, max_message_bytes=max_message_bytes, service_config=SERVICE_CONFIG) as channel:
        yield channel


class Attempts:
    """Meets each attempt with the next error of a list, and then with success; notes when each came."""

    def __init__(self, *failures: errors.ServiceError) -> None:
        self._failures: Iterator[errors.ServiceError] = iter(failures)
        self.times: list[float] = []

    async def __call__(self, *_: object) -> None:
        self.times.append(asyncio.get_running_loop().time())
        for failure in self._failures:
            raise failure


async def test_calls_are_spread_evenly_over_every_address(serve: Serve) -> None:
    served: Counter[int] = Counter()

    def counting(index: int) -> probe.Behaviour:
        async def count(*_: object) -> None:
            served[index] += 1

        return count

    servers = [await serve(probe.build_with(counting(index)), ProbeSettings()) for index in range(3)]
    async with connected("ipv4:" + ",".join(running.address for running in servers)) as channel:
        async with asyncio.timeout(5):
            # The first calls go to whichever connection is ready first.
            while len(served) < 3:
                await probe.unary_unary(channel, "cat")
        served.clear()
        for _ in range(30):
            await probe.unary_unary(channel, "cat")
    assert served == {0: 10, 1: 10, 2: 10}


async def test_a_call_that_may_succeed_later_is_made_again(serve: Serve) -> None:
    attempts = Attempts(errors.Overloaded("full", retry_after_seconds=0.01))
    running = await serve(probe.build_with(attempts), ProbeSettings())
    async with connected(running.address) as channel:
        assert await probe.unary_unary(channel, "cat") == ["cat"]
    assert len(attempts.times) == 2


async def test_a_call_with_a_photograph_is_made_again_too(serve: Serve) -> None:
    """By default gRPC keeps no request over 256 KiB, and so retries none."""
    attempts = Attempts(errors.Overloaded("full", retry_after_seconds=0.01))
    running = await serve(probe.build_with(attempts), ProbeSettings())
    async with connected(running.address) as channel:
        assert await lengths(channel, 5 * MIB) == [5 * MIB]
    assert len(attempts.times) == 2


async def test_a_retry_waits_as_long_as_the_server_asks(serve: Serve) -> None:
    """The policy's own first wait is 0.1 s at most."""
    attempts = Attempts(errors.Overloaded("full", retry_after_seconds=0.4))
    running = await serve(probe.build_with(attempts), ProbeSettings())
    async with connected(running.address) as channel:
        await probe.unary_unary(channel, "cat")
    first, second = attempts.times
    assert 0.39 <= second - first < 2


async def test_after_four_attempts_the_error_stands(serve: Serve) -> None:
    attempts = Attempts(*[errors.Overloaded("full", retry_after_seconds=0.01)] * 9)
    running = await serve(probe.build_with(attempts), ProbeSettings())
    async with connected(running.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await probe.unary_unary(channel, "cat")
    assert probe.info(caught.value).reason == "OVERLOADED"
    assert len(attempts.times) == 4


@pytest.mark.parametrize("kind", [errors.NotFound, errors.Aborted, errors.Internal, errors.DeadlineExceeded])
async def test_other_errors_are_not_worth_another_attempt(serve: Serve, kind: type[errors.ServiceError]) -> None:
    attempts = Attempts(kind("no"), kind("no"))
    running = await serve(probe.build_with(attempts), ProbeSettings())
    async with connected(running.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError):
            await probe.unary_unary(channel, "cat")
    assert len(attempts.times) == 1


async def lengths(channel: grpc.aio.Channel, *sizes: int) -> list[int]:
    """Send images of these sizes in one message and return the sizes that arrived."""
    stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
    images = [types_pb2.Image(content=bytes(size)) for size in sizes]
    response = await stub.Embed(embedder_pb2.EmbedRequest(images=images), timeout=20)
    return [int(result.format) for result in response.results]


async def test_the_largest_image_passes_with_default_limits(serve: Serve) -> None:
    running = await serve(probe.build_with(probe.nothing), ProbeSettings())
    async with connected(running.address, ProbeSettings().max_message_bytes) as channel:
        assert await lengths(channel, 20 * MIB) == [20 * MIB]


@pytest.mark.parametrize(("servers", "callers"), [(MIB, 32 * MIB), (32 * MIB, MIB)])
async def test_a_message_over_the_limit_of_either_side_is_refused(serve: Serve, servers: int, callers: int) -> None:
    running = await serve(probe.build_with(probe.nothing), ProbeSettings(max_message_bytes=servers))
    async with connected(running.address, callers) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await lengths(channel, 2 * MIB)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await lengths(channel, MIB // 2) == [MIB // 2]


ONE_CALL = """
import asyncio, sys
from tests.integration import servicekit_probe as probe
from tests.integration.test_servicekit_channel import connected

async def main():
    async with connected(sys.argv[1]) as channel:
        print(await probe.unary_unary(channel, "cat", timeout=5))

asyncio.run(main())
"""


async def test_a_proxy_in_the_environment_does_not_come_between_services(serve: Serve) -> None:
    running = await serve(probe.build_with(probe.nothing), ProbeSettings())
    environment = {**os.environ, "http_proxy": "http://127.0.0.1:9", "no_proxy": "", "no_grpc_proxy": ""}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ONE_CALL, running.address, env=environment, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    assert output.decode().strip() == "['cat']"
