"""Messages at, over and far over what a server takes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest

from likeness.v1 import embedder_pb2, embedder_pb2_grpc, types_pb2
from tests.integration import servicekit_probe as probe
from tests.integration.servicekit_probe import ProbeSettings
from tests.integration.test_servicekit_lifecycle import listening
from tests.serving import Serving

Serve = Callable[..., Awaitable[Serving]]
MIB = 1024 * 1024


@pytest.fixture
async def channel(serve: Serve) -> AsyncIterator[grpc.aio.Channel]:
    """To a server that takes 1 MiB, by a caller who sends anything."""
    running = await serve(probe.build_with(probe.nothing), ProbeSettings(max_message_bytes=MIB))
    async with grpc.aio.insecure_channel(running.address, options=[("grpc.max_send_message_length", -1)]) as opened:
        yield opened


def embed_request(size: int) -> embedder_pb2.EmbedRequest:
    """Return a request of so many bytes."""
    request = embedder_pb2.EmbedRequest(images=[types_pb2.Image(content=bytes(size - 100))])
    request.images[0].content += bytes(size - request.ByteSize())
    assert request.ByteSize() == size
    return request


async def outcome(channel: grpc.aio.Channel, size: int) -> grpc.aio.AioRpcError | None:
    stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
    try:
        await stub.Embed(embed_request(size), timeout=20)
    except grpc.aio.AioRpcError as error:
        return error
    return None


async def test_a_message_at_the_limit_passes(channel: grpc.aio.Channel) -> None:
    assert await outcome(channel, MIB) is None


@pytest.mark.parametrize("size", [MIB + 1, 2 * MIB])
async def test_a_message_over_the_limit_is_refused_in_our_own_words(channel: grpc.aio.Channel, size: int) -> None:
    error = await outcome(channel, size)
    assert error is not None
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert error.details() == f"the request has {size:,} bytes; the limit is 1,048,576"
    assert probe.info(error).reason == "MESSAGE_TOO_LARGE"
    assert probe.info(error).metadata == {"unit": "bytes", "actual": str(size), "limit": str(MIB)}


async def test_a_message_over_twice_the_limit_is_refused_by_the_transport(channel: grpc.aio.Channel) -> None:
    error = await outcome(channel, 2 * MIB + 1)
    assert error is not None
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not probe.details(error)


@pytest.mark.parametrize(
    ("size", "options"),
    [(2 * MIB + 1, {"compression": grpc.Compression.Gzip}), (MIB, {"metadata": [("x-long", "x" * 17_000)]})],
)
async def test_so_is_what_unpacks_to_more_and_metadata_over_16_kib(
    size: int, options: dict[str, Any], channel: grpc.aio.Channel
) -> None:
    stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.Embed(embed_request(size), timeout=20, **options)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not probe.details(caught.value)


async def test_one_message_of_a_stream_over_the_limit_ends_the_stream(channel: grpc.aio.Channel) -> None:
    stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
    images = [embedder_pb2.StreamEmbedRequest(image=types_pb2.Image(content=bytes(size))) for size in (1, MIB)]
    call = stub.StreamEmbed(iter(images))
    await call.read()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert probe.info(caught.value).reason == "MESSAGE_TOO_LARGE"


async def test_those_over_the_limit_leave_the_server_to_others(channel: grpc.aio.Channel) -> None:
    refused = await asyncio.gather(*(outcome(channel, 2 * MIB) for _ in range(100)))
    assert {probe.info(error).reason for error in refused if error} <= {"MESSAGE_TOO_LARGE", "OVERLOADED"}
    assert await outcome(channel, MIB) is None


def memory_mib(pid: int) -> int:
    """Return the largest that the process has been, in MiB."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024


async def test_the_bytes_of_a_request_do_not_outlive_it() -> None:
    """Sixteen of 60 MiB one after the other, all refused, take no more than some at once: not the sum, 960 MiB."""
    async with listening(log_level="ERROR") as server:
        before = memory_mib(server.process.pid)
        options = [("grpc.max_send_message_length", -1)]
        async with grpc.aio.insecure_channel(server.address, options=options) as channel:
            for _ in range(16):
                error = await outcome(channel, 60 * MIB)
                assert error is not None
                assert probe.info(error).reason == "MESSAGE_TOO_LARGE"
        assert memory_mib(server.process.pid) - before < 540
