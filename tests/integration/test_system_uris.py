"""Pictures by address: through the gateway, from a folder that the embedder may read."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from likeness.v1 import image_search_pb2 as pb
from likeness.v1 import types_pb2
from tests.integration.test_system_ingest import answers
from tests.integration.test_system_search import photo
from tests.integration.test_system_writes import CREATED, UNCHANGED, UPDATED, parts
from tests.system import System, system


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos")
    for number in range(1, 5):
        (path / f"{number}.png").write_bytes(photo(number))
    (path / "broken.png").write_bytes(photo(1)[:100])
    return path


@pytest.fixture(scope="module")
async def likeness(folder: Path, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    lite = tmp_path_factory.mktemp("lite") / "lite.db"
    async with system(str(lite), redis_url, uri_prefixes=(f"file://{folder}/",)) as running:
        yield running


@pytest.fixture
async def collection(likeness: System) -> str:
    name = f"uris-{secrets.token_hex(4)}"
    await likeness.gateway.CreateCollection(pb.CreateCollectionRequest(collection=pb.Collection(name=name)))
    return name


def entry(folder: Path, name: str, image_id: str = "") -> pb.ImageEntry:
    uri = f"file://{folder}/{name}"
    return pb.ImageEntry(image_id=image_id, image=types_pb2.Image(uri=uri), uri=uri)


async def index(likeness: System, collection: str, *entries: pb.ImageEntry) -> list[pb.IndexResult]:
    response = await likeness.gateway.IndexImages(pb.IndexImagesRequest(collection=collection, entries=entries))
    return list(response.results)


async def test_an_image_by_address_is_the_image_by_its_bytes(likeness: System, folder: Path, collection: str) -> None:
    (result,) = await index(likeness, collection, entry(folder, "1.png", "a"))
    assert (result.outcome, result.error.message) == (CREATED, "")
    content = types_pb2.Image(content=photo(1))
    uri = f"file://{folder}/1.png"
    (same,) = await index(likeness, collection, pb.ImageEntry(image_id="a", image=content, uri=uri))
    assert (same.outcome, same.content_sha256) == (UNCHANGED, result.content_sha256)
    for image in (content, types_pb2.Image(uri=uri)):
        found = await likeness.gateway.SearchImages(pb.SearchImagesRequest(collection=collection, image=image, top_k=1))
        assert [(hit.image_id, hit.uri) for hit in found.hits] == [("a", uri)]
        assert found.per_model[0].hits[0].distance < 1e-3


async def test_an_address_indexed_again_is_unchanged(likeness: System, folder: Path, collection: str) -> None:
    (first,) = await index(likeness, collection, entry(folder, "1.png"))
    (second,) = await index(likeness, collection, entry(folder, "1.png"))
    assert (first.outcome, second.outcome) == (CREATED, UNCHANGED)
    assert first.image_id == second.image_id == first.content_sha256


async def test_each_image_of_a_batch_fails_alone_and_by_its_field(
    likeness: System, folder: Path, collection: str
) -> None:
    outside = pb.ImageEntry(image_id="x", image=types_pb2.Image(uri="https://images.test/cat.jpg?key=secret"))
    gone, broken = entry(folder, "gone.png", "y"), entry(folder, "broken.png", "z")
    results = await index(likeness, collection, entry(folder, "2.png", "w"), outside, gone, broken)
    assert [reason_and_field(result.error) for result in results] == [
        None,
        ("URI_NOT_ALLOWED", "entries[1].image.uri"),
        ("URI_UNREADABLE", "entries[2].image.uri"),
        ("IMAGE_UNDECODABLE", "entries[3].image.uri"),
    ]
    assert "secret" not in str(results)


async def test_what_is_wrong_beside_an_address_fails_its_image_alone(
    likeness: System, folder: Path, collection: str
) -> None:
    wrong = [entry(folder, "1.png", "no id"), entry(folder, "2.png", "long")]
    wrong[1].uri = "x" * 3000
    results = await index(likeness, collection, *wrong, entry(folder, "3.png", "good"))
    assert [reason_and_field(result.error) for result in results[:2]] == [
        ("INVALID_FIELD", "entries[0].image_id"),
        ("INVALID_FIELD", "entries[1].uri"),
    ]
    assert results[2].outcome == pb.IndexResult.OUTCOME_CREATED


async def test_two_addresses_of_one_content_without_ids_are_one_image(
    likeness: System, folder: Path, collection: str
) -> None:
    """That their ids are the same comes out when they have been read: each is written, in order."""
    (folder / "again.png").write_bytes(photo(3))
    results = await index(likeness, collection, *(entry(folder, name) for name in ("3.png", "again.png", "4.png")))
    assert [result.outcome for result in results] == [CREATED, UPDATED, CREATED]
    assert results[0].image_id == results[1].image_id
    request = pb.GetImageRequest(collection=collection, image_id=results[0].image_id)
    assert (await likeness.gateway.GetImage(request)).image.uri == f"file://{folder}/again.png"


async def test_a_stream_takes_addresses(likeness: System, folder: Path, collection: str) -> None:
    messages = [pb.IngestImagesRequest(entry=entry(folder, f"{n}.png", f"n{n}"), item_id=f"{n}") for n in range(1, 5)]
    messages.append(pb.IngestImagesRequest(entry=entry(folder, "gone.png", "gone"), item_id="gone"))
    messages += [pb.IngestImagesRequest(entry=entry(folder, f"{n}.png"), item_id=f"unnamed {n}") for n in (1, 2)]
    messages[0].collection = collection
    results = {item: result async for item, result in answers(likeness.gateway.IngestImages(iter(messages)))}
    assert {item: result.outcome for item, result in results.items() if item != "gone"} == dict.fromkeys(
        ("1", "2", "3", "4", "unnamed 1", "unnamed 2"), CREATED
    )
    assert reason_and_field(results["gone"].error) == ("URI_UNREADABLE", "entry.image.uri")


async def test_a_search_by_an_address_that_is_not_allowed_is_denied(likeness: System, collection: str) -> None:
    image = types_pb2.Image(uri="http://169.254.169.254/latest/meta-data")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await likeness.gateway.SearchImages(pb.SearchImagesRequest(collection=collection, image=image))
    assert caught.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "169.254" not in str(caught.value.details())


def reason_and_field(error: Any) -> tuple[str, str] | None:
    if not error.code:
        return None
    reason, (field,) = parts(error)
    return reason, field
