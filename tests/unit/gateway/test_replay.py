"""Requests made again, over the services' twins."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway.indexing import Indexer
from gateway.ports import Embedded, Indexed, Outcome, Version
from gateway.replay import ReplayingIndexer
from servicekit.errors import (
    Aborted,
    DeadlineExceeded,
    Internal,
    InvalidArgument,
    InvalidField,
    PermissionDenied,
    ServiceError,
    Unavailable,
)
from tests.fakes_gateway import MemoryEmbedder, MemorySearch, fields
from tests.unit.gateway.conftest import entries

REQUEST = "6f3b65e8-0bd5-4627-b303-377f476a6e31"


class Failing(MemorySearch):
    """Writes nothing while `error` is set."""

    error: ServiceError | None = None

    async def upsert(self, collection: str, images: Sequence[tuple[Version, Embedded]]) -> list[Indexed]:
        if self.error is None:
            return await super().upsert(collection, images)
        return [Indexed(version.image_id, version.content_sha256, error=self.error) for version, _ in images]


@pytest.fixture
def search() -> Failing:
    return Failing({"c": {}})


@pytest.fixture
def replaying(indexer: Indexer, search: Failing) -> ReplayingIndexer:
    return ReplayingIndexer(indexer, search)


async def index(
    replaying: ReplayingIndexer, *named: tuple[str, bytes], request_id: str = REQUEST, body: bytes = b"body"
) -> list[Indexed]:
    return await replaying.index("c", entries(*named), request_id, lambda: body)


async def test_the_same_request_gets_the_same_answer_and_does_nothing(
    replaying: ReplayingIndexer, embedder: MemoryEmbedder, search: Failing
) -> None:
    first = await index(replaying, ("a", b"1"), ("b", b"bad"))
    assert [(each.outcome, fields(each.error)) for each in first] == [
        (Outcome.CREATED, []),
        (None, ["entries[1].image.content"]),
    ]
    search.collections["c"].clear()
    assert await index(replaying, ("a", b"1"), ("b", b"bad")) == first
    assert await index(replaying, ("a", b"1"), ("b", b"bad"), request_id=REQUEST.upper()) == first
    assert (search.collections["c"], len(embedder.asked)) == ({}, 1)


async def test_a_request_id_is_for_one_request(replaying: ReplayingIndexer, search: Failing) -> None:
    await index(replaying, ("a", b"1"))
    with pytest.raises(InvalidArgument) as refused:
        await index(replaying, ("b", b"2"), body=b"other")
    assert fields(refused.value) == ["request_id"]
    assert list(search.collections["c"]) == ["a"]


async def test_two_at_once_get_one_answer(replaying: ReplayingIndexer) -> None:
    one, other = await asyncio.gather(index(replaying, ("a", b"1")), index(replaying, ("a", b"1")))
    assert one == other


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        (Aborted("x", reason="CONFLICT"), False),
        (Unavailable("x"), False),
        (DeadlineExceeded("x"), False),
        (Internal("x"), False),
        (InvalidField("x"), True),
        (PermissionDenied("x"), True),
    ],
)
async def test_an_answer_that_trying_again_may_mend_is_not_kept(
    replaying: ReplayingIndexer, search: Failing, error: ServiceError, kept: bool
) -> None:
    search.error = error
    (failed,) = await index(replaying, ("a", b"1"))
    assert failed.error is error
    search.error = None
    (again,) = await index(replaying, ("a", b"1"))
    assert again.outcome == (None if kept else Outcome.CREATED)


async def test_requests_without_an_id_keep_nothing(replaying: ReplayingIndexer, search: Failing) -> None:
    def refuse() -> bytes:
        raise AssertionError("nobody needs the body")

    await replaying.index("c", entries(("a", b"1")), "", refuse)
    assert search.kept == {}


async def test_a_request_id_is_a_uuid(replaying: ReplayingIndexer) -> None:
    with pytest.raises(InvalidField, match="request_id: must be a UUID"):
        await index(replaying, ("a", b"1"), request_id="first try")
