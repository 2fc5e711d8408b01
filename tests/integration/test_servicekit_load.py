"""Overload, and callers who leave."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import grpc
import pytest
import structlog

from likeness.v1 import embedder_pb2, embedder_pb2_grpc
from tests.integration import servicekit_probe as probe
from tests.integration.servicekit_probe import CALLS, ProbeSettings
from tests.serving import Serving

Serve = Callable[..., Awaitable[Serving]]
Call = Callable[..., Coroutine[Any, Any, list[str]]]
PATIENCE_SECONDS = 5


class Gate:
    """Holds every call until opened, and notes who came and who left unserved."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self._came: asyncio.Queue[str] = asyncio.Queue()
        self._left: asyncio.Queue[str] = asyncio.Queue()

    async def __call__(self, name: str, _: object) -> None:
        self._came.put_nowait(name)
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self._left.put_nowait(name)
            raise

    async def came(self) -> str:
        return await asyncio.wait_for(self._came.get(), PATIENCE_SECONDS)

    async def left(self) -> str:
        return await asyncio.wait_for(self._left.get(), PATIENCE_SECONDS)


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
async def running(serve: Serve, gate: Gate) -> Serving:
    started = await serve(probe.build_with(gate), ProbeSettings(max_in_flight=2))
    await started.ready()
    return started


@pytest.fixture
async def channel(running: Serving) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(running.address) as opened:
        yield opened


@pytest.fixture
async def full(channel: grpc.aio.Channel, gate: Gate) -> AsyncIterator[list["asyncio.Task[list[str]]"]]:
    """Two calls that take both places."""
    calls = [asyncio.create_task(probe.unary_unary(channel, name)) for name in ("first", "second")]
    assert {await gate.came(), await gate.came()} == {"first", "second"}
    yield calls
    gate.opened.set()
    await asyncio.gather(*calls, return_exceptions=True)


@pytest.mark.usefixtures("full")
@pytest.mark.parametrize("call", CALLS)
async def test_a_call_over_the_bound_is_refused_with_a_time_to_come_back(channel: grpc.aio.Channel, call: Call) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(channel, "third")
    details: dict[str, Any] = probe.details(caught.value)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert details["ErrorInfo"].reason == "OVERLOADED"
    assert details["RetryInfo"].retry_delay.ToMilliseconds() == 500
    assert ("grpc-retry-pushback-ms", "500") in list(caught.value.trailing_metadata() or ())


@pytest.mark.usefixtures("full")
async def test_a_call_over_the_bound_is_refused_before_its_message_is_read(channel: grpc.aio.Channel) -> None:
    """Bytes that are no message would be INVALID_ARGUMENT if anybody looked."""
    raw: Any = channel.unary_unary(f"/{probe.EMBEDDER}/GetModel")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw(b"\xff\xff\xff")
    assert probe.info(caught.value).reason == "OVERLOADED"


@pytest.mark.usefixtures("full")
async def test_a_full_server_still_answers_its_probes(running: Serving) -> None:
    for address in (running.health_address, running.address):
        assert await probe.health_of(address) == "SERVING"
        assert await probe.health_of(address, "liveness") == "SERVING"


async def test_those_inside_are_served_and_make_room(
    channel: grpc.aio.Channel, gate: Gate, full: list["asyncio.Task[list[str]]"]
) -> None:
    gate.opened.set()
    assert await asyncio.gather(*full) == [["first"], ["second"]]
    assert await probe.unary_unary(channel, "third") == ["third"]


@pytest.mark.parametrize("call", CALLS)
async def test_the_work_of_a_caller_who_leaves_stops_and_its_place_is_free(
    channel: grpc.aio.Channel, gate: Gate, call: Call
) -> None:
    calls = [asyncio.create_task(call(channel, name)) for name in ("first", "second")]
    assert {await gate.came(), await gate.came()} == {"first", "second"}
    for leaving in calls:
        leaving.cancel()
    assert {await gate.left(), await gate.left()} == {"first", "second"}
    gate.opened.set()
    assert await asyncio.gather(*(call(channel, name) for name in ("third", "fourth"))) == [["third"], ["fourth"]]


class Flood(embedder_pb2_grpc.EmbedderServiceServicer):
    """Answers with more than a connection holds while nobody reads."""

    def __init__(self) -> None:
        self.stuck = asyncio.Event()
        self.left = asyncio.Event()

    async def StreamEmbed(self, requests: AsyncIterator[Any], _: Any) -> AsyncIterator[Any]:  # noqa: N802 gRPC's name
        try:
            yield embedder_pb2.StreamEmbedResponse(item_id="first")
            self.stuck.set()
            yield embedder_pb2.StreamEmbedResponse(item_id="x" * 16_000_000)
        finally:
            self.left.set()


async def leave_in_the_middle(channel: grpc.aio.Channel, flood: Flood) -> None:
    stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
    call = stub.StreamEmbed()
    await call.read()
    await asyncio.wait_for(flood.stuck.wait(), PATIENCE_SECONDS)
    call.cancel()
    await asyncio.wait_for(flood.left.wait(), PATIENCE_SECONDS)


async def test_a_stream_whose_reader_leaves_in_the_middle_ends_at_once(serve: Serve) -> None:
    """The writer is then stuck in a write, not in its own code."""
    flood = Flood()
    running = await serve(probe.build_with(probe.nothing, embedder=flood), ProbeSettings(max_in_flight=1))
    async with grpc.aio.insecure_channel(running.address) as channel:
        with structlog.testing.capture_logs() as logged:
            await leave_in_the_middle(channel, flood)
            assert await probe.unary_stream(channel, "next") == ["next"]
    assert [entry.get("code") for entry in logged] == ["CANCELLED", "OK"]
