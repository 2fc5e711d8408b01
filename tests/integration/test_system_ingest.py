"""Streams of images through the gateway, on either Milvus."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import grpc
import pytest
import structlog

from likeness.v1 import image_search_pb2, types_pb2
from tests.integration.test_system_contents import embeds
from tests.integration.test_system_search import photo
from tests.integration.test_system_writes import CREATED, UPDATED, collection, details, entry, parts
from tests.system import System, system

__all__ = ["collection"]
pb = image_search_pb2
PATIENCE_SECONDS = 60


def requests(collection: str, entries: Iterable[image_search_pb2.ImageEntry]) -> list[Any]:
    """Return the messages of a stream, the first of which names the collection."""
    messages = [pb.IngestImagesRequest(entry=each, item_id=f"item {i}") for i, each in enumerate(entries)]
    messages[0].collection = collection
    return messages


async def answers(call: Any) -> AsyncIterator[tuple[str, image_search_pb2.IndexResult]]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for response in call:
            if response.WhichOneof("event") == "result":
                yield response.item_id, response.result


async def count(likeness: System, collection: str) -> int:
    response = await likeness.gateway.GetCollection(pb.GetCollectionRequest(name=collection))
    return int(response.collection.image_count)


async def test_two_thousand_images_are_acknowledged_and_there(likeness: System, collection: str) -> None:
    content = photo(1)
    image = types_pb2.Image(content=content)
    many = requests(collection, (pb.ImageEntry(image_id=f"x{i}", image=image) for i in range(2000)))
    with structlog.testing.capture_logs() as lines:
        results = {item_id: result async for item_id, result in answers(likeness.gateway.IngestImages(iter(many)))}
        assert 1 <= embeds(lines) <= 3, "those of the batches that were under way first"
    assert {item_id: result.image_id for item_id, result in results.items()} == {
        f"item {i}": f"x{i}" for i in range(2000)
    }
    assert {result.outcome for result in results.values()} == {CREATED}
    assert await count(likeness, collection) == 2000


async def test_bad_images_fail_alone_and_one_id_is_applied_in_order(likeness: System, collection: str) -> None:
    broken = pb.ImageEntry(image_id="broken", image=types_pb2.Image(content=photo(1)[:100]))
    messages = requests(collection, [entry("a", 1), broken, entry("a", 2), entry("b", 3), entry("a", 3)])
    messages.append(pb.IngestImagesRequest(item_id="nothing"))
    results = {item_id: result async for item_id, result in answers(likeness.gateway.IngestImages(iter(messages)))}
    assert [results[f"item {i}"].outcome for i in (0, 2, 4)] == [CREATED, UPDATED, UPDATED]
    assert results["item 3"].outcome == CREATED
    assert parts(results["item 1"].error) == ("IMAGE_UNDECODABLE", ["entry.image.content"])
    assert parts(results["nothing"].error) == ("INVALID_FIELD", ["entry"])
    record = (await likeness.gateway.GetImage(pb.GetImageRequest(collection=collection, image_id="a"))).image
    assert record.content_sha256 == results["item 4"].content_sha256


async def test_a_stream_about_an_unknown_collection_fails(likeness: System) -> None:
    call = likeness.gateway.IngestImages(iter(requests("none", [entry("a", 1)])))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        [answer async for answer in answers(call)]
    assert details(refused.value) == ("NOT_FOUND", "COLLECTION_NOT_FOUND", [])


async def test_an_acknowledged_image_is_seen_by_the_next_search(likeness: System, collection: str) -> None:
    call = likeness.gateway.IngestImages()
    for message in requests(collection, [entry(f"x{seed}", seed) for seed in range(5)]):
        await call.write(message)
    async for _, result in answers(call):
        request = pb.SearchImagesRequest(collection=collection, image_id=result.image_id, top_k=1)
        assert (await likeness.gateway.SearchImages(request)).hits[0].image_id == result.image_id
        if result.image_id == "x4":
            await call.done_writing()


async def test_a_caller_who_leaves_leaves_a_gateway_that_serves(likeness: System, collection: str) -> None:
    for turn in range(3):
        call = likeness.gateway.IngestImages()
        for message in requests(collection, [entry(f"{turn}-{seed}", 100 * turn + seed) for seed in range(40)]):
            await call.write(message)
        call.cancel()
    results = [r async for r in answers(likeness.gateway.IngestImages(iter(requests(collection, [entry("a", 1)]))))]
    assert [result.outcome for _, result in results] == [CREATED]


async def test_a_drain_tells_streams_and_loses_nothing_acknowledged(redis_url: str, tmp_path: Path) -> None:
    async with system(str(tmp_path / "lite.db"), redis_url) as likeness:
        name = f"drain-{secrets.token_hex(4)}"
        await likeness.gateway.CreateCollection(pb.CreateCollectionRequest(collection=pb.Collection(name=name)))
        call = likeness.gateway.IngestImages()
        for message in requests(name, [entry(f"x{seed}", seed) for seed in range(20)]):
            await call.write(message)
        acknowledged, drained = [], False
        async with asyncio.timeout(PATIENCE_SECONDS):
            async for response in call:
                if response.WhichOneof("event") == "backoff":
                    likeness.servers["gateway"].drain()
                drained = drained or response.WhichOneof("event") == "draining"
                if response.HasField("result"):
                    assert response.result.outcome == CREATED
                    acknowledged.append(response.result.image_id)
        assert drained
        assert await call.code() == grpc.StatusCode.OK
        for image_id in acknowledged:
            await likeness.search.GetImage(pb.GetImageRequest(collection=name, image_id=image_id))
