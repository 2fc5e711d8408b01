"""Collections, writes and errors through the gateway, on either Milvus."""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from likeness.v1 import embedder_pb2, image_search_pb2, types_pb2
from tests.integration.test_system_search import photo
from tests.system import System

CREATED = image_search_pb2.IndexResult.OUTCOME_CREATED
UPDATED = image_search_pb2.IndexResult.OUTCOME_UPDATED
UNCHANGED = image_search_pb2.IndexResult.OUTCOME_UNCHANGED


@pytest.fixture
async def collection(likeness: System) -> AsyncIterator[str]:
    name = f"writes-{secrets.token_hex(4)}"
    made = image_search_pb2.Collection(name=name, models=["colour"])
    await likeness.gateway.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=made))
    yield name
    await likeness.gateway.DeleteCollection(image_search_pb2.DeleteCollectionRequest(name=name, force=True))


def entry(image_id: str, seed: int, **options: Any) -> image_search_pb2.ImageEntry:
    return image_search_pb2.ImageEntry(image_id=image_id, image=types_pb2.Image(content=photo(seed)), **options)


async def index(
    likeness: System, collection: str, *entries: image_search_pb2.ImageEntry, **options: Any
) -> list[image_search_pb2.IndexResult]:
    request = image_search_pb2.IndexImagesRequest(collection=collection, entries=entries, **options)
    return list((await likeness.gateway.IndexImages(request)).results)


async def hits(likeness: System, collection: str, seed: int) -> list[tuple[str, float]]:
    image = types_pb2.Image(content=photo(seed))
    request = image_search_pb2.SearchImagesRequest(collection=collection, image=image)
    return [(hit.image_id, hit.distance) for hit in (await likeness.gateway.SearchImages(request)).hits]


def details(error: grpc.aio.AioRpcError) -> tuple[str, str, list[str]]:
    """Return the code, the reason and the fields of an error."""
    status = status_pb2.Status.FromString(dict(error.trailing_metadata() or ())["grpc-status-details-bin"])
    return error.code().name, *parts(status)


def parts(status: status_pb2.Status) -> tuple[str, list[str]]:
    """Return the reason and the fields of a status."""
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad)
    assert info.domain == "likeness"
    return info.reason, [violation.field for violation in bad.field_violations]


async def refused(call: Any) -> tuple[str, str, list[str]]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return details(error.value)


async def test_a_write_is_seen_by_the_next_search(likeness: System, collection: str) -> None:
    for seed in range(5):
        (result,) = await index(likeness, collection, entry("one", seed))
        assert result.outcome == (CREATED if seed == 0 else UPDATED)
        ((image_id, distance),) = await hits(likeness, collection, seed)
        assert (image_id, distance < 1e-3) == ("one", True)


async def test_an_empty_id_is_the_contents_hash_and_a_repeat_changes_nothing(likeness: System, collection: str) -> None:
    (first,) = await index(likeness, collection, entry("", 1))
    assert first.image_id == first.content_sha256
    assert first.outcome == CREATED
    (again,) = await index(likeness, collection, entry("", 1))
    assert (again.image_id, again.outcome) == (first.image_id, UNCHANGED)
    known = await likeness.gateway.GetCollection(image_search_pb2.GetCollectionRequest(name=collection))
    assert known.collection.image_count == 1


async def test_a_record_is_read_back(likeness: System, collection: str) -> None:
    given = entry("a/b:c@d-e_f.g", 1, uri="file:///x")
    given.attributes.update({"label": "cat", "nested": {"list": [1, None, "ü"]}})
    await index(likeness, collection, given)
    request = image_search_pb2.GetImageRequest(collection=collection, image_id=given.image_id)
    record = (await likeness.gateway.GetImage(request)).image
    assert (record.uri, record.width_px, record.height_px) == ("file:///x", 160, 120)
    assert record.attributes == given.attributes
    assert record.create_time.ToMilliseconds() == record.update_time.ToMilliseconds() > 0


async def test_a_deleted_image_is_never_seen_again(likeness: System, collection: str) -> None:
    await index(likeness, collection, *(entry(f"x{seed}", seed) for seed in range(6)))
    request = image_search_pb2.DeleteImagesRequest(collection=collection, image_ids=["x2", "x4", "none"])
    response = await likeness.gateway.DeleteImages(request)
    assert (response.deleted_count, list(response.missing_ids)) == (2, ["none"])
    assert {image_id for image_id, _ in await hits(likeness, collection, 2)} == {"x0", "x1", "x3", "x5"}
    assert (await index(likeness, collection, entry("x2", 2)))[0].outcome == CREATED


async def test_bad_entries_fail_alone_each_with_its_reason(likeness: System, collection: str) -> None:
    good = photo(1)
    bad = [
        ("truncated", types_pb2.Image(content=good[: len(good) // 2]), "IMAGE_UNDECODABLE", "entries[1].image.content"),
        ("text", types_pb2.Image(content=b"no picture at all"), "IMAGE_UNDECODABLE", "entries[2].image.content"),
        ("empty", types_pb2.Image(content=b""), "INVALID_FIELD", "entries[3].image"),
        ("none", types_pb2.Image(), "INVALID_FIELD", "entries[4].image"),
        ("far", types_pb2.Image(uri="http://example.org/x.jpg"), "URI_NOT_ALLOWED", "entries[5].image.uri"),
        ("a b", types_pb2.Image(content=photo(2)), "INVALID_FIELD", "entries[6].image_id"),
    ]
    entries = [image_search_pb2.ImageEntry(image_id=name, image=image) for name, image, _, _ in bad]
    results = await index(likeness, collection, entry("good", 1), *entries, entry("fine", 3))
    assert [results[0].outcome, results[-1].outcome] == [CREATED, CREATED]
    for result, (name, _, reason, field) in zip(results[1:-1], bad, strict=True):
        assert result.image_id == name
        assert parts(result.error) == (reason, [field])
        assert field in result.error.message or reason == "URI_NOT_ALLOWED"
    known = await likeness.gateway.GetCollection(image_search_pb2.GetCollectionRequest(name=collection))
    assert known.collection.image_count == 2


async def test_errors_of_whole_calls(likeness: System, collection: str) -> None:
    gateway = likeness.gateway
    pb = image_search_pb2
    image = types_pb2.Image(content=photo(1))
    await index(likeness, collection, entry("x", 1))
    cases = [
        (
            gateway.IndexImages(pb.IndexImagesRequest(collection=collection)),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["entries"],
        ),
        (
            gateway.IndexImages(pb.IndexImagesRequest(collection=collection, entries=[entry("x", 1), entry("x", 2)])),
            "INVALID_ARGUMENT",
            "DUPLICATE_ID",
            ["entries[0].image_id"],
        ),
        (
            gateway.IndexImages(pb.IndexImagesRequest(collection=collection, entries=[entry("x", 1)], request_id="7")),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["request_id"],
        ),
        (
            gateway.IndexImages(pb.IndexImagesRequest(collection="none", entries=[entry("x", 1)])),
            "NOT_FOUND",
            "COLLECTION_NOT_FOUND",
            [],
        ),
        (
            gateway.SearchImages(pb.SearchImagesRequest(collection=collection)),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["query"],
        ),
        (
            gateway.SearchImages(pb.SearchImagesRequest(collection="none", image=image)),
            "NOT_FOUND",
            "COLLECTION_NOT_FOUND",
            [],
        ),
        (
            gateway.SearchImages(pb.SearchImagesRequest(collection=collection, image_id="y")),
            "NOT_FOUND",
            "IMAGE_NOT_FOUND",
            [],
        ),
        (
            gateway.SearchImages(pb.SearchImagesRequest(collection=collection, image_id="x", models=["none"])),
            "NOT_FOUND",
            "MODEL_NOT_FOUND",
            [],
        ),
        (
            gateway.SearchImages(pb.SearchImagesRequest(collection=collection, image_id="x", top_k=1001)),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["top_k"],
        ),
        (
            gateway.SearchImages(pb.SearchImagesRequest(collection=collection, image=types_pb2.Image(content=b"x"))),
            "INVALID_ARGUMENT",
            "IMAGE_UNDECODABLE",
            ["image.content"],
        ),
        (
            gateway.SearchImages(
                pb.SearchImagesRequest(collection=collection, image=types_pb2.Image(uri="file:///etc/passwd"))
            ),
            "PERMISSION_DENIED",
            "URI_NOT_ALLOWED",
            ["image.uri"],
        ),
        (
            gateway.CompareModels(pb.CompareModelsRequest(collection=collection, image_id="x")),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["models"],
        ),
        (gateway.GetImage(pb.GetImageRequest(collection=collection, image_id="y")), "NOT_FOUND", "IMAGE_NOT_FOUND", []),
        (gateway.GetCollection(pb.GetCollectionRequest(name="none")), "NOT_FOUND", "COLLECTION_NOT_FOUND", []),
        (
            gateway.CreateCollection(pb.CreateCollectionRequest(collection=pb.Collection(name=collection))),
            "ALREADY_EXISTS",
            "COLLECTION_EXISTS",
            [],
        ),
        (
            gateway.CreateCollection(pb.CreateCollectionRequest(collection=pb.Collection(name="Ü"))),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["collection.name"],
        ),
        (
            gateway.CreateCollection(pb.CreateCollectionRequest(collection=pb.Collection(name="n", models=["none"]))),
            "NOT_FOUND",
            "MODEL_NOT_FOUND",
            [],
        ),
        (
            gateway.DeleteCollection(pb.DeleteCollectionRequest(name=collection)),
            "FAILED_PRECONDITION",
            "FORCE_REQUIRED",
            [],
        ),
        (
            gateway.DeleteImages(
                pb.DeleteImagesRequest(
                    collection=collection,
                    filter=types_pb2.Filter(condition=types_pb2.Condition(attribute="a", exists=True)),
                )
            ),
            "FAILED_PRECONDITION",
            "FORCE_REQUIRED",
            [],
        ),
        (
            gateway.ListImages(pb.ListImagesRequest(collection=collection, filter=types_pb2.Filter())),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["filter"],
        ),
        (
            gateway.ListImages(pb.ListImagesRequest(collection=collection, page_token="?")),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["page_token"],
        ),
        (
            gateway.EvaluateModels(pb.EvaluateModelsRequest(collection=collection)),
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["label_attribute"],
        ),
    ]
    for call, *expected in cases:
        code, reason, fields = await refused(call)
        assert [code, reason, fields] == expected


async def test_listing_pages_is_complete(likeness: System, collection: str) -> None:
    await index(likeness, collection, *(entry(f"x{seed:02}", seed) for seed in range(23)))
    seen: list[str] = []
    token = ""
    while True:
        request = image_search_pb2.ListImagesRequest(collection=collection, page_size=5, page_token=token)
        page = await likeness.gateway.ListImages(request)
        seen += [record.image_id for record in page.images]
        if not (token := page.next_page_token):
            break
    assert seen == [f"x{seed:02}" for seed in range(23)]


async def test_a_collection_made_again_is_empty(likeness: System, collection: str) -> None:
    await index(likeness, collection, entry("x", 1))
    await likeness.gateway.DeleteCollection(image_search_pb2.DeleteCollectionRequest(name=collection, force=True))
    made = image_search_pb2.Collection(name=collection)
    response = await likeness.gateway.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=made))
    assert list(response.collection.models) == ["colour", "shape"]
    assert await hits(likeness, collection, 1) == []


async def test_models_are_the_embedders(likeness: System) -> None:
    request = embedder_pb2.ListModelsRequest()
    assert await likeness.gateway.ListModels(request) == await likeness.embedder.ListModels(request)
