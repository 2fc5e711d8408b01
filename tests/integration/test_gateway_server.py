"""The gateway as it is shipped, before an embedder that is real and a search service that is not there."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

import embedder_service.app
import gateway.app
from embedder_service.settings import EmbedderSettings
from gateway.settings import GatewaySettings
from likeness.v1 import image_search_pb2, image_search_pb2_grpc, types_pb2
from tests.integration import servicekit_probe as probe
from tests.servers import free_port
from tests.serving import serving

LIMIT = 33_554_432
LISTEN: dict[str, Any] = {"port": 0, "health_port": 0, "drain_seconds": 0.0}


@pytest.fixture
async def stub() -> AsyncIterator[Any]:
    """For a caller who sends anything."""
    async with serving(embedder_service.app.build, EmbedderSettings(**LISTEN)) as embedder:
        settings = GatewaySettings(
            embedder_address=embedder.address, search_address=f"127.0.0.1:{free_port()}", **LISTEN
        )
        async with (
            serving(gateway.app.build, settings) as running,
            grpc.aio.insecure_channel(running.address, [("grpc.max_send_message_length", -1)]) as channel,
        ):
            yield image_search_pb2_grpc.ImageSearchServiceStub(channel)


def search_of(size: int, models: list[str]) -> image_search_pb2.SearchImagesRequest:
    """Return a search of so many bytes, for a picture that is far too large."""
    request = image_search_pb2.SearchImagesRequest(models=models, image=types_pb2.Image(content=bytes(size - 100)))
    request.image.content += bytes(size - request.ByteSize())
    assert request.ByteSize() == size
    return request


async def refusal(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


@pytest.mark.parametrize("below", [0, 1, 4, 10])
async def test_a_picture_that_fills_the_largest_message_is_too_large_a_picture(stub: Any, below: int) -> None:
    """What goes on to the embedder may be larger than what came, by the vectors' encoding for one."""
    error = await refusal(stub.SearchImages(search_of(LIMIT - below, ["colour"]), timeout=20))
    assert (error.code(), probe.info(error).reason) == (grpc.StatusCode.INVALID_ARGUMENT, "IMAGE_TOO_LARGE")


async def test_a_request_over_the_largest_message_is_refused_in_our_own_words(stub: Any) -> None:
    error = await refusal(stub.SearchImages(search_of(LIMIT + 1, ["colour"]), timeout=20))
    assert (error.code(), probe.info(error).reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MESSAGE_TOO_LARGE")


@pytest.mark.parametrize("seconds", [0.3, 3.0])
async def test_a_service_that_is_not_there_is_unavailable_however_little_time_there_is(
    stub: Any, seconds: float
) -> None:
    error = await refusal(stub.GetCollection(image_search_pb2.GetCollectionRequest(name="c"), timeout=seconds))
    assert (error.code(), probe.info(error).reason) == (grpc.StatusCode.UNAVAILABLE, "BACKEND_UNAVAILABLE")
    assert "RetryInfo" in probe.details(error)
