"""What is wrong with a call is said before anything is sent; what is wrong with one image of many fails that alone."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.rpc import status_pb2

from likeness import AsyncClient, Client, Entry, LikenessError
from likeness.v1 import image_search_pb2 as pb
from likeness.v1 import image_search_pb2_grpc


class Recording(image_search_pb2_grpc.ImageSearchServiceServicer):
    """Keeps what is sent, and answers that all went well."""

    def __init__(self) -> None:
        self.requests: list[Any] = []

    def SearchImages(self, request: Any, context: Any) -> Any:  # noqa: N802 gRPC names it
        self.requests.append(request)
        return pb.SearchImagesResponse()

    def CreateCollection(self, request: Any, context: Any) -> Any:  # noqa: N802 gRPC names it
        self.requests.append(request)
        return pb.CreateCollectionResponse(collection=request.collection)

    def DeleteImages(self, request: Any, context: Any) -> Any:  # noqa: N802 gRPC names it
        self.requests.append(request)
        return pb.DeleteImagesResponse()

    def IndexImages(self, request: Any, context: Any) -> Any:  # noqa: N802 gRPC names it
        self.requests.append(request)
        ids = [entry.image_id for entry in request.entries]
        if "refuse" in ids:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"entries[{ids.index('refuse')}].image_id: is refused")
        results = [pb.IndexResult(image_id=image_id) for image_id in ids]
        for number in (number for number, image_id in enumerate(ids) if image_id == "undecodable"):
            results[number].error.CopyFrom(status_pb2.Status(code=3, message=f"entries[{number}].image: is no picture"))
        return pb.IndexImagesResponse(results=results)

    def IngestImages(self, requests: Any, context: Any) -> Any:  # noqa: N802 gRPC names it
        for request in requests:
            self.requests.append(request)
            result = pb.IndexResult(image_id=request.entry.image_id)
            yield pb.IngestImagesResponse(item_id=request.item_id, result=result)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Recording, str]]:
    server, servicer = grpc.server(ThreadPoolExecutor(2)), Recording()
    image_search_pb2_grpc.add_ImageSearchServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield servicer, f"127.0.0.1:{port}"
    server.stop(None).wait()


class Caller:
    """Calls a method of either client, and keeps a generator's answers as a list."""

    def __init__(self, kind: str, served: tuple[Recording, str]) -> None:
        self._kind = kind
        self._servicer, self._address = served
        self._servicer.requests.clear()

    @property
    def sent(self) -> list[Any]:
        return self._servicer.requests

    def __call__(self, name: str, *arguments: Any, **options: Any) -> Any:
        if self._kind == "async":
            return asyncio.run(self._awaited(name, arguments, options))
        with Client(self._address) as client:
            answer = getattr(client, name)(*arguments, **options)
            return list(answer) if isinstance(answer, Iterator) else answer

    async def _awaited(self, name: str, arguments: Any, options: Any) -> Any:
        async with AsyncClient(self._address) as client:
            answer = getattr(client, name)(*arguments, **options)
            return [item async for item in answer] if hasattr(answer, "__aiter__") else await answer


@pytest.fixture(params=["sync", "async"])
def call(request: pytest.FixtureRequest, served: tuple[Recording, str]) -> Caller:
    return Caller(request.param, served)


@pytest.mark.parametrize(
    ("arguments", "options", "named"),
    [
        (("delete_images", ["keep"]), {"colection": "tmp5"}, "colection"),
        (("delete_images_where", {}), {"colection": "tmp5"}, "colection"),
        (("delete_images", ["keep"]), {"collection": None}, "collection"),
        (("delete_images_where", None), {}, "where"),
        (("search", b"p"), {"topk": 3}, "topk"),
        (("create_collection", "c"), {"metrics": "cosine"}, "metrics"),
        (("ingest", []), {"colection": "tmp5"}, "colection"),
        (("list_images",), {"models": ["shape"]}, "models"),
        (("delete_images", "abc"), {}, "image_ids"),
        (("delete_images", b"abc"), {}, "image_ids"),
        (("delete_images", ["a", 7]), {}, r"image_ids\[1\]"),
        (("search", b"p"), {"models": "shape"}, "models"),
        (("compare", b"p"), {"models": "shape"}, "models"),
        (("create_collection", "c"), {"models": "shape"}, "models"),
        (("search", b"p"), {"top_k": "3"}, "top_k"),
        (("search", b"p"), {"top_k": True}, "top_k"),
        (("search", b"p"), {"strong": "no"}, "strong"),
        (("search", b"p"), {"weights": ["shape"]}, "weights"),
        (("search", b"p"), {"where": "colour"}, "where"),
        (("search", b"p"), {"timeout_seconds": "3"}, "timeout_seconds"),
        (("index", ["photo.jpg"]), {}, r"entries\[0\]"),
        (("ingest", "photo.jpg"), {}, "entries"),
        (("ingest", ["photo.jpg"]), {}, "an entry"),
        (("search", 7), {}, "picture"),
        (("compare", 7), {}, "picture"),
        (("get_image", 7), {}, "image_id"),
        (("delete_collection", "c"), {"force": "no"}, "force"),
    ],
)
def test_wrong_use_is_a_type_error_and_nothing_is_sent(call: Caller, arguments: Any, options: Any, named: str) -> None:
    with pytest.raises(TypeError, match=named):
        call(*arguments, **options)
    assert call.sent == []


@pytest.mark.parametrize(
    ("arguments", "options", "named"),
    [
        (("search", b"p"), {"top_k": 2**40}, "top_k"),
        (("search", b"p"), {"top_k": -1}, "top_k"),
        (("search", b"p"), {"fusion": "nope"}, "fusion"),
        (("create_collection", "c"), {"metric": "nope"}, "metric"),
        (("search", b"p"), {"where": {"a": object()}}, r"where\['a'\]"),
        (("search", b"p"), {"where": {"a": [object()]}}, r"where\['a'\]"),
        (("search", b"p"), {"max_distance": 10**400}, "max_distance"),
        (("search", b"p"), {"timeout_seconds": float("inf")}, "timeout_seconds"),
        (("search", b"p"), {"timeout_seconds": float("nan")}, "timeout_seconds"),
        (("search", b"p"), {"timeout_seconds": -1}, "timeout_seconds"),
        (("get_image", "\ud800"), {}, "image_id"),
        (("delete_images", ["\ud800"]), {}, r"image_ids\[0\]"),
        (("delete_images_where", {}), {}, "where"),
    ],
)
def test_a_wrong_value_is_an_invalid_field_and_nothing_is_sent(
    call: Caller, arguments: Any, options: Any, named: str
) -> None:
    with pytest.raises(LikenessError, match=named) as caught:
        call(*arguments, **options)
    assert (caught.value.reason, call.sent) == ("INVALID_FIELD", [])


@pytest.mark.parametrize("kind", [Client, AsyncClient])
def test_a_client_is_made_of_texts(kind: Any) -> None:
    with pytest.raises(TypeError, match="address"):
        kind(50050)
    with pytest.raises(TypeError, match="collection"):
        kind("127.0.0.1:1", collection=None)


def test_what_means_the_same_is_taken(call: Caller) -> None:
    call("search", b"p", fusion="weighted_distance", top_k=np.int64(3), models=("shape",), where=None)
    call("create_collection", "c", metric="cosine")
    call("delete_images", (name for name in ("a", "b")))
    search, create, delete = call.sent
    assert (search.fusion.method, search.top_k, list(search.models)) == (2, 3, ["shape"])
    assert create.collection.metric == pb.Collection(metric="METRIC_COSINE").metric
    assert list(delete.image_ids) == ["a", "b"]


EAST, WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))


def bad_entries(folder: Path) -> dict[str, Entry]:
    """Return entries that cannot be sent, by the reason and what the message must name."""
    return {
        "IMAGE_TOO_LARGE 41,943,040": Entry(bytes(40 * 1024 * 1024), "large"),
        "INVALID_FIELD attributes['when']": Entry(b"p", "date", attributes={"when": date(2026, 1, 1)}),
        "INVALID_FIELD attributes['n']": Entry(b"p", "int64", attributes={"n": np.int64(3)}),
        "INVALID_FIELD attributes": Entry(b"p", "list", attributes=[1]),  # type: ignore[arg-type]
        "INVALID_FIELD expected_update_time: must be": Entry(b"p", "time", expected_update_time=1.5),  # type: ignore[arg-type]
        "INVALID_FIELD expected_update_time": Entry(b"p", "zone", expected_update_time=datetime(2026, 1, 1)),
        "INVALID_FIELD 0001-01-01": Entry(b"p", "early", expected_update_time=datetime.min.replace(tzinfo=EAST)),
        "INVALID_FIELD 9999-12-31": Entry(b"p", "late", expected_update_time=datetime.max.replace(tzinfo=WEST)),
        "INVALID_FIELD uri": Entry(b"p", "uri", uri="\ud800"),
        "INVALID_FIELD image_id": Entry(b"p", 7),  # type: ignore[arg-type]
        "INVALID_FIELD int": Entry(7, "number"),  # type: ignore[arg-type]
        "MESSAGE_TOO_LARGE 33,554,432": Entry(b"p", "heavy", attributes={"text": "x" * 2**25}),
        f"FILE_UNREADABLE {folder / 'gone.jpg'}": Entry(folder / "gone.jpg", "gone"),
        "FILE_UNREADABLE a\\x00b": Entry("a\0b", "nul"),
    }


def test_a_time_is_sent_as_the_moment_that_it_is(call: Caller) -> None:
    moment = datetime(2026, 1, 1, 12, 0, 0, 123_000, tzinfo=UTC)
    times = [moment, moment.astimezone(timezone(timedelta(hours=-5))), None]
    call("index", [Entry(b"p", str(i), expected_update_time=time) for i, time in enumerate(times)])
    (request,) = call.sent
    sent = [entry.expected_update_time.ToJsonString() for entry in request.entries]
    assert sent[:2] == ["2026-01-01T12:00:00.123Z"] * 2
    assert [entry.HasField("expected_update_time") for entry in request.entries] == [True, True, False]


def told(error: Any, expected: str) -> bool:
    reason, _, named = expected.partition(" ")
    return isinstance(error, LikenessError) and error.reason == reason and named in error.message


def test_an_entry_that_cannot_be_sent_fails_alone_in_a_stream(call: Caller, tmp_path: Path) -> None:
    bad = bad_entries(tmp_path)
    good = [Entry(b"p", "first"), Entry(b"p", "last")]
    answers = dict(call("ingest", [good[0], *bad.values(), good[1]]))
    assert [expected for expected, entry in bad.items() if not told(answers[entry].error, expected)] == []
    assert [answers[entry].error for entry in good] == [None, None]
    assert [request.entry.image_id for request in call.sent] == ["first", "last"]


def test_an_entry_that_cannot_be_sent_fails_alone_in_a_call(call: Caller, tmp_path: Path) -> None:
    bad = bad_entries(tmp_path)
    bad.pop("MESSAGE_TOO_LARGE 33,554,432")
    first, *failed, last = call("index", [Entry(b"p", "first"), *bad.values(), Entry(b"p", "last")])
    assert [e for e, result in zip(bad, failed, strict=True) if not told(result.error, e)] == []
    assert [result.error.message.partition(":")[0] for result in failed] == [
        f"entries[{number + 1}]" for number in range(len(bad))
    ]
    assert [(result.image_id, result.error) for result in (first, last)] == [("first", None), ("last", None)]


def test_a_call_of_which_nothing_can_be_sent_is_not_made(call: Caller, tmp_path: Path) -> None:
    (result,) = call("index", [Entry(tmp_path / "gone.jpg", "gone")])
    assert (result.image_id, result.error.reason, call.sent) == ("gone", "FILE_UNREADABLE", [])


def test_an_error_names_the_entry_by_its_place_in_the_callers_batch(call: Caller, tmp_path: Path) -> None:
    gone = Entry(tmp_path / "gone.jpg", "gone")
    *_, last = call("index", [gone, Entry(b"p", "good"), Entry(b"p", "undecodable")])
    assert last.error.message == "entries[2].image: is no picture"
    with pytest.raises(LikenessError, match=r"entries\[1\]\.image_id"):
        call("index", [gone, Entry(b"p", "refuse")])


def test_a_call_that_is_too_large_as_a_whole_says_so(call: Caller) -> None:
    with pytest.raises(LikenessError) as caught:
        call("index", [Entry(bytes(12 * 1024 * 1024), str(number)) for number in range(3)])
    assert (caught.value.reason, call.sent) == ("MESSAGE_TOO_LARGE", [])


def test_a_stream_takes_what_comes_by_and_by(served: tuple[Recording, str], tmp_path: Path) -> None:
    async def entries() -> AsyncIterator[Entry]:
        for name in ("a", "gone", "b"):
            await asyncio.sleep(0)
            yield Entry(tmp_path / "gone.jpg" if name == "gone" else b"p", name)

    answers = {entry.image_id: result.error for entry, result in Caller("async", served)("ingest", entries())}
    assert (answers["a"], answers["b"], answers["gone"].reason) == (None, None, "FILE_UNREADABLE")


def test_what_an_asynchronous_source_raises_comes_back(served: tuple[Recording, str]) -> None:
    async def entries() -> AsyncIterator[Entry]:
        yield Entry(b"p", "a")
        raise RuntimeError("the program's own")

    with pytest.raises(RuntimeError, match="the program's own"):
        Caller("async", served)("ingest", entries())


def test_a_client_that_is_closed_says_so() -> None:
    client = Client("127.0.0.1:1")
    client.close()
    for use in (client.list_models, lambda: list(client.ingest([])), lambda: list(client.list_images())):
        with pytest.raises(LikenessError) as caught:
            use()
        assert caught.value.reason == "CLIENT_CLOSED"


async def test_an_asynchronous_client_that_is_closed_says_so() -> None:
    client = AsyncClient("127.0.0.1:1")
    await client.close()
    with pytest.raises(LikenessError) as caught:
        await client.list_models()
    assert caught.value.reason == "CLIENT_CLOSED"
