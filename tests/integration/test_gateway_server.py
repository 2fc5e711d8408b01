"""How large a message the gateway takes, before services that are real."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from likeness.v1 import image_search_pb2, image_search_pb2_grpc, types_pb2
from tests.integration import servicekit_probe as probe
from tests.system import System, system

LIMIT = 33_554_432
COLLECTION = "large-messages"


@pytest.fixture
async def likeness(redis_url: str, tmp_path: Path) -> AsyncIterator[System]:
    """The services, of this test alone."""
    async with system(str(tmp_path / "lite.db"), redis_url) as running:
        yield running


@pytest.fixture
async def stub(likeness: System) -> AsyncIterator[Any]:
    """For a caller who sends anything, to a collection."""
    address = likeness.servers["gateway"].address
    async with grpc.aio.insecure_channel(address, [("grpc.max_send_message_length", -1)]) as channel:
        gateway: Any = image_search_pb2_grpc.ImageSearchServiceStub(channel)
        made = image_search_pb2.Collection(name=COLLECTION, models=["colour"])
        await gateway.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=made))
        yield gateway
        await gateway.DeleteCollection(image_search_pb2.DeleteCollectionRequest(name=COLLECTION, force=True))


def search_of(size: int, models: list[str]) -> image_search_pb2.SearchImagesRequest:
    """Return a search of so many bytes, for a picture that is far too large."""
    request = image_search_pb2.SearchImagesRequest(
        collection=COLLECTION, models=models, image=types_pb2.Image(content=bytes(size - 100))
    )
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
    likeness: System, seconds: float
) -> None:
    await likeness.servers["search"].stop()
    error = await refusal(
        likeness.gateway.GetCollection(image_search_pb2.GetCollectionRequest(name="c"), timeout=seconds)
    )
    assert (error.code(), probe.info(error).reason) == (grpc.StatusCode.UNAVAILABLE, "BACKEND_UNAVAILABLE")
    assert "RetryInfo" in probe.details(error)
