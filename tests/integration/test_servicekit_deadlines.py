"""Deadlines and request ids, on one server and along a chain of two."""

import asyncio
import contextlib
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import grpc
import pytest
import structlog

from likeness.v1 import embedder_pb2, embedder_pb2_grpc
from servicekit import channel as channels
from servicekit import deadline
from tests.integration import servicekit_probe as probe
from tests.integration.servicekit_probe import CALLS, ProbeSettings
from tests.serving import Serving

Serve = Callable[..., Awaitable[Serving]]
Call = Callable[..., Awaitable[list[str]]]
SERVICE_CONFIG = channels.service_config("likeness.v1", "likeness_grpc_service_config.json")


class Back:
    """Notes what arrives with a call, and then takes for ever if told to."""

    def __init__(self) -> None:
        self.seconds_left: float | None = None
        self.request_id = ""

    async def __call__(self, name: str, context: Any) -> None:
        self.seconds_left = context.time_remaining()
        self.request_id = structlog.contextvars.get_contextvars()["request_id"]
        if name == "for ever":
            with deadline.stage("infer"):
                await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def front_of(serve: Serve, target: str, **settings: Any) -> AsyncIterator[grpc.aio.Channel]:
    """A server that asks `target` whatever it is asked, and a channel to it."""
    async with channels.connect(target, max_message_bytes=2**20, service_config=SERVICE_CONFIG) as onward:
        stub: Any = embedder_pb2_grpc.EmbedderServiceStub(onward)

        async def ask(name: str, _: object) -> Any:
            request = embedder_pb2.GetModelRequest(name=name)
            return await channels.call(stub.GetModel, request, stage="embed")

        running = await serve(probe.build_with(ask), ProbeSettings(**settings))
        async with grpc.aio.insecure_channel(running.address) as channel:
            yield channel


@pytest.fixture
def back() -> Back:
    return Back()


@pytest.fixture
async def front(serve: Serve, back: Back) -> AsyncIterator[grpc.aio.Channel]:
    running = await serve(probe.build_with(back), ProbeSettings())
    async with front_of(serve, running.address) as channel:
        yield channel


@contextlib.contextmanager
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def refusal(call: Awaitable[object]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


@pytest.mark.parametrize("call", CALLS)
async def test_the_callers_deadline_ends_a_call_and_names_the_stage(serve: Serve, back: Back, call: Call) -> None:
    running = await serve(probe.build_with(back), ProbeSettings())
    async with grpc.aio.insecure_channel(running.address) as channel:
        error = await refusal(call(channel, "for ever", timeout=0.6))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert probe.info(error).reason == "DEADLINE_EXCEEDED"
    assert probe.info(error).metadata == {"stage": "infer"}


async def test_a_call_without_a_deadline_gets_the_servers(serve: Serve, back: Back) -> None:
    running = await serve(probe.build_with(back), ProbeSettings(default_deadline_seconds=0.2))
    async with grpc.aio.insecure_channel(running.address) as channel:
        error = await refusal(probe.unary_unary(channel, "for ever"))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert back.seconds_left is None


@pytest.mark.parametrize("call", CALLS)
async def test_a_stream_without_a_deadline_has_none(serve: Serve, call: Call) -> None:
    left: list[float] = []

    async def note(*_: object) -> None:
        left.append(deadline.remaining(1000))

    running = await serve(probe.build_with(note), ProbeSettings(default_deadline_seconds=10))
    async with grpc.aio.insecure_channel(running.address) as channel:
        await call(channel, "cat")
    assert (left == [1000]) is (call is not probe.unary_unary)


async def test_a_chain_carries_what_is_left_of_the_time(front: grpc.aio.Channel, back: Back) -> None:
    await probe.unary_unary(front, "cat", timeout=2.0)
    assert back.seconds_left is not None
    assert 1.0 < back.seconds_left < 2.0


async def test_without_a_deadline_the_chain_carries_the_first_servers(serve: Serve, back: Back) -> None:
    running = await serve(probe.build_with(back), ProbeSettings())
    async with front_of(serve, running.address, default_deadline_seconds=3.0) as channel:
        await probe.unary_unary(channel, "cat")
    assert back.seconds_left is not None
    assert 2.0 < back.seconds_left < 3.1


async def test_a_passed_deadline_names_the_stage_of_the_last_server(front: grpc.aio.Channel) -> None:
    error = await refusal(probe.unary_unary(front, "for ever", timeout=1.0))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert probe.info(error).metadata == {"stage": "infer"}


async def test_a_server_that_never_answers_costs_the_deadline_and_no_more(serve: Serve) -> None:
    with silent_port() as port:
        async with front_of(serve, f"127.0.0.1:{port}") as channel:
            error = await refusal(probe.unary_unary(channel, "cat", timeout=0.6))
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert probe.info(error).metadata == {"stage": "embed"}


async def test_a_server_that_is_not_there_is_unavailable_and_not_named(serve: Serve) -> None:
    with silent_port() as port:
        pass
    async with front_of(serve, f"127.0.0.1:{port}") as channel:
        error = await refusal(probe.unary_unary(channel, "cat", timeout=5))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert set(probe.details(error)) == {"ErrorInfo", "RetryInfo"}
    assert probe.info(error).reason == "BACKEND_UNAVAILABLE"
    assert "127.0.0.1" not in str(error.details())


async def test_a_request_id_goes_all_the_way(front: grpc.aio.Channel, back: Back) -> None:
    await probe.unary_unary(front, "cat", metadata=(("x-request-id", "order-7"),))
    assert back.request_id == "order-7"


async def test_a_call_without_a_request_id_gets_one(front: grpc.aio.Channel, back: Back) -> None:
    await probe.unary_unary(front, "cat")
    assert str(uuid.UUID(back.request_id)) == back.request_id


async def test_an_error_goes_all_the_way_with_its_details(serve: Serve) -> None:
    """`fault` at the back: the front hands on the request id that is in the back's log."""
    running = await serve(probe.build_with(probe.as_named), ProbeSettings())
    async with front_of(serve, running.address) as channel:
        error = await refusal(probe.unary_unary(channel, "fault", metadata=(("x-request-id", "order-7"),)))
    assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "internal error; request id order-7")
