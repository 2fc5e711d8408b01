"""Pictures whose bytes are indexed already, and requests made again, on either Milvus: what is not embedded again."""

import asyncio
import uuid
from collections.abc import MutableMapping, Sequence
from typing import Any

import structlog

from likeness.v1 import image_search_pb2, types_pb2
from tests.integration.test_system_search import photo
from tests.integration.test_system_writes import CREATED, UPDATED, collection, entry, hits, index, refused
from tests.system import System

__all__ = ["collection"]
EMBED = "/likeness.v1.EmbedderService/Embed"


def embeds(lines: Sequence[MutableMapping[str, Any]]) -> int:
    """Return how often Embed was called, by the line that every call ends with."""
    return sum(line.get("method") == EMBED for line in lines)


async def test_bytes_that_are_indexed_are_never_embedded_again(likeness: System, collection: str) -> None:
    with structlog.testing.capture_logs() as lines:
        await index(likeness, collection, entry("a", 1))
        assert embeds(lines) == 1
        copies = await index(likeness, collection, entry("b", 1), entry("c", 1, uri="file:///c"))
        moved = await index(likeness, collection, entry("a", 1, uri="file:///moved"))
        assert [result.outcome for result in [*copies, *moved]] == [CREATED, CREATED, UPDATED]
        found = await hits(likeness, collection, 1)
        assert [(image_id, distance < 1e-3) for image_id, distance in found] == [("a", True), ("b", True), ("c", True)]
        assert embeds(lines) == 1


async def test_a_search_by_an_indexed_picture_is_the_search_by_its_id(likeness: System, collection: str) -> None:
    await index(likeness, collection, *(entry(f"x{seed}", seed) for seed in range(8)), entry("twin", 3))
    by_picture = image_search_pb2.SearchImagesRequest(
        collection=collection, image=types_pb2.Image(content=photo(3)), exclude_self=True
    )
    by_id = image_search_pb2.SearchImagesRequest(collection=collection, image_id="x3", top_k=9)
    with structlog.testing.capture_logs() as lines:
        picture_hits = (await likeness.gateway.SearchImages(by_picture)).hits
        id_hits = (await likeness.gateway.SearchImages(by_id)).hits
        assert embeds(lines) == 0
    assert {hit.image_id for hit in id_hits[:2]} == {"x3", "twin"}
    assert [(hit.image_id, hit.distance) for hit in picture_hits] == [(h.image_id, h.distance) for h in id_hits[2:]]


async def test_a_picture_whose_image_was_deleted_is_embedded(likeness: System, collection: str) -> None:
    await index(likeness, collection, entry("a", 1), entry("b", 2))
    request = image_search_pb2.DeleteImagesRequest(collection=collection, image_ids=["a"])
    await likeness.gateway.DeleteImages(request)
    with structlog.testing.capture_logs() as lines:
        assert [image_id for image_id, _ in await hits(likeness, collection, 1)] == ["b"]
        (again,) = await index(likeness, collection, entry("c", 1))
        assert (again.outcome, embeds(lines)) == (CREATED, 2)


async def test_writes_and_deletes_of_one_content_never_show_a_caller_that_it_went(
    likeness: System, collection: str
) -> None:
    async def write_and_delete(worker: int) -> None:
        for turn in range(8):
            name = f"w{worker}-{turn}"
            (written,) = await index(likeness, collection, entry(name, 1))
            assert written.outcome == CREATED, written.error
            await likeness.gateway.DeleteImages(
                image_search_pb2.DeleteImagesRequest(collection=collection, image_ids=[name])
            )

    await asyncio.gather(*map(write_and_delete, range(6)))


async def test_a_request_made_again_is_answered_byte_for_byte_and_does_nothing(
    likeness: System, collection: str
) -> None:
    bad = image_search_pb2.ImageEntry(image_id="bad", image=types_pb2.Image(content=b"no picture"))
    request = image_search_pb2.IndexImagesRequest(
        collection=collection, entries=[entry("a", 1), bad], request_id=str(uuid.uuid4())
    )
    first = await likeness.gateway.IndexImages(request)
    delete = image_search_pb2.DeleteImagesRequest(collection=collection, image_ids=["a"])
    await likeness.gateway.DeleteImages(delete)
    with structlog.testing.capture_logs() as lines:
        again = await likeness.gateway.IndexImages(request)
        assert embeds(lines) == 0
    assert again.SerializeToString() == first.SerializeToString()
    request.request_id = request.request_id.upper()
    assert (await likeness.gateway.IndexImages(request)).SerializeToString() == first.SerializeToString()
    assert first.results[0].outcome == CREATED
    assert await hits(likeness, collection, 1) == []
    request.entries[0].uri = "file:///other"
    assert await refused(likeness.gateway.IndexImages(request)) == ("INVALID_ARGUMENT", "INVALID_FIELD", ["request_id"])


async def test_requests_at_once_with_one_id_get_one_answer(likeness: System, collection: str) -> None:
    for turn in range(5):
        request = image_search_pb2.IndexImagesRequest(
            collection=collection, entries=[entry(f"x{turn}", turn)], request_id=str(uuid.uuid4())
        )
        answers = await asyncio.gather(*(likeness.gateway.IndexImages(request) for _ in range(4)))
        assert len({answer.SerializeToString() for answer in answers}) == 1
