"""StreamEmbed, over a connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from embedder_service.app import build
from embedder_service.settings import EmbedderSettings
from likeness.v1 import embedder_pb2, embedder_pb2_grpc, types_pb2
from servicekit import errors, status
from tests import embedder_images as images
from tests.serving import Serving

Serve = Callable[..., Awaitable[Serving]]
SETTINGS: dict[str, Any] = {"port": 0, "health_port": 0, "metrics_port": 0, "drain_seconds": 0, "grace_seconds": 10}
CONTENTS = [images.encode(images.noise(20, 30, seed=seed), "PNG") for seed in range(40)]


def message(item_id: str, content: bytes, **fields: Any) -> embedder_pb2.StreamEmbedRequest:
    return embedder_pb2.StreamEmbedRequest(item_id=item_id, image=types_pb2.Image(content=content), **fields)


async def test_every_image_is_answered_as_embed_answers_it(serve: Serve) -> None:
    server = await serve(build, EmbedderSettings(**SETTINGS, stream_window_images=4))
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
        sent = (message(str(at), content, models=["shape", "colour"]) for at, content in enumerate(CONTENTS))
        answers = {answer.item_id: answer.result async for answer in stub.StreamEmbed(sent)}
        request = embedder_pb2.EmbedRequest(
            images=[types_pb2.Image(content=content) for content in CONTENTS], models=["shape", "colour"]
        )
        expected = (await stub.Embed(request)).results
    assert [answers[str(at)] for at in range(len(CONTENTS))] == list(expected)


async def test_what_is_wrong_with_one_image_is_in_its_answer(serve: Serve) -> None:
    server = await serve(build, EmbedderSettings(**SETTINGS))
    sent = [
        message("good", CONTENTS[0]),
        message("text", b"just some text"),
        message("nothing", b""),
        message("model", CONTENTS[1], models=["x"]),
        message("encoding", CONTENTS[2], encoding=7),
        message("good too", CONTENTS[3]),
    ]
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
        answers = {answer.item_id: answer.result async for answer in stub.StreamEmbed(iter(sent))}
    found = {item: status.from_status(answer.error) for item, answer in answers.items() if answer.HasField("error")}
    assert {item: (error.code_reason, *(v.field for v in error.violations)) for item, error in found.items()} == {
        "text": ("IMAGE_UNDECODABLE", "image.content"),
        "nothing": ("INVALID_FIELD", "image"),
        "model": ("MODEL_NOT_FOUND",),
        "encoding": ("INVALID_FIELD", "encoding"),
    }
    assert len(answers["good"].embeddings) == len(answers["good too"].embeddings) == 2


async def test_a_stream_ends_with_draining_once_what_was_read_is_answered(serve: Serve) -> None:
    server = await serve(build, EmbedderSettings(**SETTINGS))
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
        call = stub.StreamEmbed()
        await call.write(message("first", CONTENTS[0]))
        assert (await call.read()).item_id == "first"
        server.drain()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
    error = status.from_rpc_error(caught.value, "test")
    assert isinstance(error, errors.Unavailable)
    assert (error.code_reason, error.retry_after_seconds) == ("DRAINING", 1.0)


async def test_a_stream_whose_caller_goes_leaves_nothing_behind(serve: Serve) -> None:
    server = await serve(build, EmbedderSettings(**SETTINGS, max_streams=1))
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
        call = stub.StreamEmbed(endless())
        await call.read()
        call.cancel()
        await until_served(stub)


async def endless() -> AsyncIterator[embedder_pb2.StreamEmbedRequest]:
    while True:
        yield message("again", CONTENTS[0])


async def until_served(stub: Any) -> None:
    """There is one place for streams; the server may not have heard yet that it is free."""
    async with asyncio.timeout(10):
        while True:
            try:
                answers = [answer async for answer in stub.StreamEmbed(iter([message("last", CONTENTS[1])]))]
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
            else:
                assert [answer.item_id for answer in answers] == ["last"]
                return
