"""Writes that expect an image to have been last written at a certain time, through the gateway, on either Milvus."""

import asyncio
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2

from likeness.v1 import image_search_pb2 as pb
from likeness.v1 import search_pb2, types_pb2
from tests.integration.test_system_ingest import answers, requests
from tests.integration.test_system_search import photo
from tests.integration.test_system_writes import CREATED, UNCHANGED, UPDATED, collection, entry, index, parts, refused
from tests.system import System

__all__ = ["collection"]
REQUEST = "6f3b65e8-0bd5-4627-b303-377f476a6e31"
CONFLICT = ("CONFLICT", {"image": "changed"})
# By name, times that are none: gRPC lets every number through.
NO_TIMES = {
    "early": Timestamp(seconds=-62_135_596_801),
    "late": Timestamp(seconds=253_402_300_800),
    "negative": Timestamp(seconds=1, nanos=-1),
    "fraction": Timestamp(seconds=1, nanos=1_000_000_000),
}


async def record(likeness: System, collection: str, image_id: str) -> pb.ImageRecord:
    request = pb.GetImageRequest(collection=collection, image_id=image_id)
    response: pb.GetImageResponse = await likeness.gateway.GetImage(request)
    return response.image


async def time_of(likeness: System, collection: str, image_id: str) -> Timestamp:
    return (await record(likeness, collection, image_id)).update_time


def told(result: pb.IndexResult) -> tuple[str, dict[str, str]]:
    """Return the reason and the metadata of a result's error."""
    info = error_details_pb2.ErrorInfo()
    assert result.error.details[0].Unpack(info)
    return info.reason, dict(info.metadata)


async def test_a_write_lands_only_on_what_it_expects(likeness: System, collection: str) -> None:
    await index(likeness, collection, entry("a", 1), entry("b", 2))
    first = await time_of(likeness, collection, "a")
    later = Timestamp(seconds=first.seconds, nanos=first.nanos + 1)
    wrong = [entry("b", 3, expected_update_time=later), entry("none", 4, expected_update_time=first)]
    results = await index(likeness, collection, entry("a", 3, uri="x", expected_update_time=first), *wrong)
    assert results[0].outcome == UPDATED
    assert [told(result) for result in results[1:]] == [CONFLICT] * 2
    assert [result.image_id for result in results] == ["a", "b", "none"]
    assert (await record(likeness, collection, "a")).uri == "x"
    for late in (entry("a", 4), entry("a", 3, uri="x")):
        late.expected_update_time.CopyFrom(first)
        assert told(*await index(likeness, collection, late)) == CONFLICT, "though it be just this"
    second = await time_of(likeness, collection, "a")
    (same,) = await index(likeness, collection, entry("a", 3, uri="x", expected_update_time=second))
    assert same.outcome == UNCHANGED


async def test_a_deleted_image_does_not_come_back(likeness: System, collection: str) -> None:
    await index(likeness, collection, entry("a", 1))
    last = await time_of(likeness, collection, "a")
    await likeness.gateway.DeleteImages(pb.DeleteImagesRequest(collection=collection, image_ids=["a"]))
    (gone,) = await index(likeness, collection, entry("a", 1, expected_update_time=last))
    assert told(gone) == CONFLICT
    assert (await index(likeness, collection, entry("a", 1)))[0].outcome == CREATED
    (back,) = await index(likeness, collection, entry("a", 2, expected_update_time=last))
    assert told(back) == CONFLICT


async def test_of_many_that_read_and_write_none_undoes_another(likeness: System, collection: str) -> None:
    """Each adds one to a number that it has read, and begins anew where another came first."""
    await index(likeness, collection, entry("n", 1))

    async def add() -> None:
        while True:
            known = await record(likeness, collection, "n")
            wanted = entry("n", 1, expected_update_time=known.update_time)
            wanted.attributes["n"] = json_format.MessageToDict(known.attributes).get("n", 0) + 1
            (result,) = await index(likeness, collection, wanted)
            if not result.HasField("error"):
                return

    await asyncio.gather(*(add() for _ in range(8)))
    assert dict((await record(likeness, collection, "n")).attributes) == {"n": 8}


async def test_a_time_that_is_none_is_named_and_fails_alone(likeness: System, collection: str) -> None:
    wrong = [entry(name, 1, expected_update_time=time) for name, time in NO_TIMES.items()]
    address = pb.ImageEntry(image_id="far", image=types_pb2.Image(uri="file:///x"))
    address.expected_update_time.CopyFrom(NO_TIMES["late"])
    good, *failed = await index(likeness, collection, entry("good", 1), *wrong, address)
    assert good.outcome == CREATED
    assert [parts(result.error) for result in failed] == [
        ("INVALID_FIELD", [f"entries[{i}].expected_update_time"]) for i in range(1, 6)
    ]
    assert [result.image_id for result in failed] == [*NO_TIMES, "far"]


async def test_the_search_service_names_what_is_wrong_with_an_expectation(likeness: System, collection: str) -> None:
    wrong = [(search_pb2.ImageVersion(expected_update_time=time), "expected_update_time") for time in NO_TIMES.values()]
    unnamed = search_pb2.ImageVersion(expected_update_time=Timestamp(seconds=1), write_id="a b")
    for version, field in (*wrong, (unnamed, "write_id")):
        check = search_pb2.CheckImagesRequest(collection=collection, images=[version])
        upsert = search_pb2.UpsertImagesRequest(collection=collection, images=[{"version": version}])
        for call in (likeness.search.CheckImages(check), likeness.search.UpsertImages(upsert)):
            assert await refused(call) == ("INVALID_ARGUMENT", "INVALID_FIELD", [f"images[0].{field}"])


async def test_a_stream_takes_them_in_order(likeness: System, collection: str) -> None:
    await index(likeness, collection, entry("a", 1), entry("b", 2))
    first = await time_of(likeness, collection, "a")
    conditional: list[Any] = [
        entry("a", 2, expected_update_time=first),
        entry("a", 3, expected_update_time=first),
        entry("b", 3, expected_update_time=Timestamp(seconds=1)),
        entry("b", 4, expected_update_time=NO_TIMES["negative"]),
    ]
    call = likeness.gateway.IngestImages(iter(requests(collection, conditional)))
    results = {item_id: result async for item_id, result in answers(call)}
    assert results["item 0"].outcome == UPDATED
    assert [told(results[f"item {i}"]) for i in (1, 2)] == [CONFLICT] * 2
    assert parts(results["item 3"].error) == ("INVALID_FIELD", ["entry.expected_update_time"])


async def test_another_time_is_another_request(likeness: System, collection: str) -> None:
    await index(likeness, collection, entry("a", 1))
    first = await time_of(likeness, collection, "a")
    write = entry("a", 2, expected_update_time=first)
    for _ in range(2):
        (result,) = await index(likeness, collection, write, request_id=REQUEST)
        assert result.outcome == UPDATED
    second = await time_of(likeness, collection, "a")
    for other in (entry("a", 2, expected_update_time=second), entry("a", 2)):
        request = pb.IndexImagesRequest(collection=collection, entries=[other], request_id=REQUEST)
        assert await refused(likeness.gateway.IndexImages(request)) == (
            "INVALID_ARGUMENT",
            "INVALID_FIELD",
            ["request_id"],
        )


@pytest.mark.parametrize("known", [True, False])
async def test_a_content_that_is_there_already_is_written_on_condition_too(
    likeness: System, collection: str, known: bool
) -> None:
    await index(likeness, collection, entry("a", 1), *([entry("other", 2)] if known else []))
    first = await time_of(likeness, collection, "a")
    (result,) = await index(likeness, collection, entry("a", 2, expected_update_time=first))
    assert result.outcome == UPDATED
    image = types_pb2.Image(content=photo(2))
    found = await likeness.gateway.SearchImages(pb.SearchImagesRequest(collection=collection, image=image))
    assert found.hits[0].distance < 1e-3
