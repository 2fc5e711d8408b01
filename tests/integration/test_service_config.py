"""What callers get to hand to their channels: the service config, with its retries and timeouts."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

import grpc
import pytest

from servicekit import errors
from tests.integration import servicekit_probe as probe
from tests.integration.servicekit_probe import Attempts, ProbeSettings
from tests.serving import Serving

Serve = Callable[..., Awaitable[Serving]]
SERVICE_CONFIG = resources.files("likeness.v1").joinpath("likeness_grpc_service_config.json").read_text()
MIB = 1024 * 1024


@asynccontextmanager
async def connected(target: str) -> AsyncIterator[grpc.aio.Channel]:
    options: list[tuple[str, Any]] = [
        ("grpc.service_config", SERVICE_CONFIG),
        ("grpc.per_rpc_retry_buffer_size", 32 * MIB),
    ]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        yield channel


async def test_a_call_that_may_succeed_later_is_made_again(serve: Serve) -> None:
    attempts = Attempts(errors.Overloaded("full", retry_after_seconds=0.01))
    running = await serve(probe.build_with(attempts), ProbeSettings())
    async with connected(running.address) as channel:
        assert await probe.unary_unary(channel, "cat") == ["cat"]
    assert len(attempts.times) == 2


async def cut_off(_: str, context: Any) -> None:
    await context.abort(grpc.StatusCode.CANCELLED, "Cancelling all calls")


async def test_a_call_that_a_server_cuts_off_to_stop_is_made_again(serve: Serve) -> None:
    attempts = Attempts(cut_off)
    running = await serve(probe.build_with(attempts), ProbeSettings())
    async with connected(running.address) as channel:
        assert await probe.unary_unary(channel, "cat") == ["cat"]
    assert len(attempts.times) == 2


async def test_a_call_with_a_photograph_is_made_again_too(serve: Serve) -> None:
    """By default gRPC keeps no request over 256 KiB, and so retries none."""
    attempts = Attempts(errors.Overloaded("full", retry_after_seconds=0.01))
    running = await serve(probe.build_with(attempts), ProbeSettings())
    async with connected(running.address) as channel:
        assert await probe.lengths(channel, 5 * MIB) == [5 * MIB]
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
