"""Channels to other services: balancing, sizes, and calls that are made again while there is time."""

import asyncio
import contextlib
import os
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from likeness.v1 import embedder_pb2, embedder_pb2_grpc
from servicekit import channel as channels
from servicekit import deadline, errors
from tests.integration import servicekit_probe as probe
from tests.integration.servicekit_probe import Attempts, ProbeSettings
from tests.serving import Serving, serving

Serve = Callable[..., Awaitable[Serving]]
MIB = 1024 * 1024


@contextlib.asynccontextmanager
async def connected(target: str, max_message_bytes: int = 32 * MIB) -> AsyncIterator[grpc.aio.Channel]:
    async with channels.connect(target, max_message_bytes=max_message_bytes) as channel:
        yield channel


async def called(channel: grpc.aio.Channel, seconds: float = 5.0, times: int = 1) -> str:
    """Make calls as a service does for a caller who has given it so much time; return what came back."""
    stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
    async with deadline.limit(seconds):
        for _ in range(times):
            response = await channels.call(stub.GetModel, embedder_pb2.GetModelRequest(name="cat"), stage="infer")
    return str(response.model.name)


async def failure(channel: grpc.aio.Channel, seconds: float = 5.0) -> errors.ServiceError:
    with pytest.raises(errors.ServiceError) as caught:
        await called(channel, seconds)
    return caught.value


def busy(retry_after_seconds: float) -> errors.Overloaded:
    return errors.Overloaded("full", retry_after_seconds=retry_after_seconds)


async def for_ever(*_: object) -> None:
    await asyncio.Event().wait()


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


async def test_what_may_pass_is_asked_again_as_late_as_the_server_says(serve: Serve) -> None:
    """Of its own accord a call waits a tenth of a second at first."""
    attempts = Attempts(busy(0.4))
    running = await serve(probe.build_with(attempts), ProbeSettings())
    async with connected(running.address) as channel:
        assert await called(channel) == "cat"
    first, second = attempts.times
    assert 0.39 <= second - first < 2


async def test_after_four_attempts_the_error_stands(serve: Serve) -> None:
    attempts = Attempts(*[busy(0.01)] * 9)
    running = await serve(probe.build_with(attempts), ProbeSettings())
    async with connected(running.address) as channel:
        error = await failure(channel)
    assert (error.code_reason, error.retry_after_seconds) == ("OVERLOADED", 0.01)
    assert len(attempts.times) == 4


@pytest.mark.parametrize("kind", [errors.NotFound, errors.Aborted, errors.Internal, errors.DeadlineExceeded])
async def test_other_errors_are_not_worth_another_attempt(serve: Serve, kind: type[errors.ServiceError]) -> None:
    attempts = Attempts(kind("no"), kind("no"))
    running = await serve(probe.build_with(attempts), ProbeSettings())
    async with connected(running.address) as channel:
        assert type(await failure(channel)) is kind
    assert len(attempts.times) == 1


async def cut_off(_: str, context: Any) -> None:
    await context.abort(grpc.StatusCode.CANCELLED, "Cancelling all calls")


async def test_a_call_that_a_server_cuts_off_to_stop_is_asked_again(serve: Serve) -> None:
    attempts = Attempts(cut_off)
    running = await serve(probe.build_with(attempts), ProbeSettings())
    async with connected(running.address) as channel:
        assert await called(channel) == "cat"
    assert len(attempts.times) == 2


async def test_an_error_is_handed_on_at_once_where_waiting_would_outlast_the_time(serve: Serve) -> None:
    attempts = Attempts(*[busy(1.0)] * 9)
    running = await serve(probe.build_with(attempts), ProbeSettings())
    async with connected(running.address) as channel:
        started = asyncio.get_running_loop().time()
        error = await failure(channel, seconds=0.9)
        took = asyncio.get_running_loop().time() - started
    assert (error.code_reason, error.retry_after_seconds) == ("OVERLOADED", 1.0)
    assert len(attempts.times) == 1
    assert took < 0.5


async def test_time_that_ends_in_a_later_attempt_leaves_the_error_that_can_be_tried_again(serve: Serve) -> None:
    running = await serve(probe.build_with(Attempts(busy(0.1), for_ever)), ProbeSettings())
    async with connected(running.address) as channel:
        assert (await failure(channel, seconds=0.8)).code_reason == "OVERLOADED"


async def test_time_that_ends_in_the_first_attempt_is_what_it_is(serve: Serve) -> None:
    running = await serve(probe.build_with(Attempts(for_ever)), ProbeSettings())
    async with connected(running.address) as channel:
        assert (await failure(channel, seconds=0.4)).code_reason == "DEADLINE_EXCEEDED"


async def test_a_call_after_one_that_had_to_be_repeated_forgets_why(serve: Serve) -> None:
    running = await serve(probe.build_with(Attempts(busy(0.01), probe.nothing, for_ever)), ProbeSettings())
    async with connected(running.address) as channel:
        with pytest.raises(errors.DeadlineExceeded):
            await called(channel, seconds=0.8, times=2)


async def test_a_server_that_starts_again_is_not_noticed(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = ProbeSettings(port=port, grace_seconds=0)
    async with connected(f"127.0.0.1:{port}") as channel:
        async with serving(probe.build_with(probe.nothing), settings):
            assert await called(channel) == "cat"
        waiting = asyncio.create_task(called(channel))
        async with serving(probe.build_with(probe.nothing), settings):
            assert await waiting == "cat"


async def test_a_message_too_large_to_be_passed_on_is_not_worth_another_attempt(serve: Serve) -> None:
    running = await serve(probe.build_with(probe.nothing), ProbeSettings())
    async with connected(running.address, max_message_bytes=MIB) as channel:
        stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
        request = embedder_pb2.GetModelRequest(name="x" * 2 * MIB)
        with pytest.raises(errors.InvalidArgument) as caught:
            await channels.call(stub.GetModel, request, stage="infer")
    assert caught.value.code_reason == "MESSAGE_TOO_LARGE"


async def test_the_largest_image_passes_with_default_limits(serve: Serve) -> None:
    running = await serve(probe.build_with(probe.nothing), ProbeSettings())
    async with connected(running.address) as channel:
        assert await probe.lengths(channel, 20 * MIB) == [20 * MIB]


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
