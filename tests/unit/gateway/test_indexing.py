"""What indexing asks of the two services, over their twins."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from gateway.indexing import Indexer
from gateway.ports import DuplicateId, Embedded, Entry, Indexed, Outcome, Picture, Version
from likeness.v1 import types_pb2
from servicekit.errors import Aborted, InvalidField, invalid_field
from tests.fakes_gateway import MemoryEmbedder, MemorySearch, fields
from tests.unit.gateway.conftest import entries

BOTH = ["colour", "shape"]
CREATED, UPDATED, UNCHANGED = Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def contents(embedder: MemoryEmbedder) -> list[list[bytes]]:
    return [pictures for pictures, _ in embedder.asked]


async def outcomes(indexer: Indexer, *named: tuple[str, bytes], uri: str = "") -> list[Outcome | None]:
    return [indexed.outcome for indexed in await indexer.index("c", entries(*named, uri=uri))]


async def test_what_is_there_already_is_neither_embedded_nor_written(
    indexer: Indexer, embedder: MemoryEmbedder, search: MemorySearch
) -> None:
    assert await outcomes(indexer, ("old", b"1")) == [CREATED]
    assert await outcomes(indexer, ("old", b"1"), ("new", b"2")) == [UNCHANGED, CREATED]
    assert await outcomes(indexer, ("old", b"1"), ("new", b"2")) == [UNCHANGED, UNCHANGED]
    assert embedder.asked == [([b"1"], ["colour", "shape"]), ([b"2"], ["colour", "shape"])]
    assert search.written == [("old", BOTH), ("new", BOTH)]


async def test_a_content_is_embedded_once_under_whatever_id_and_attributes(
    indexer: Indexer, embedder: MemoryEmbedder, search: MemorySearch
) -> None:
    assert await outcomes(indexer, ("a", b"1")) == [CREATED]
    assert await outcomes(indexer, ("b", b"1"), ("c", b"2")) == [CREATED, CREATED]
    assert await outcomes(indexer, ("a", b"1"), uri="file:///moved") == [UPDATED]
    assert contents(embedder) == [[b"1"], [b"2"]]
    assert sorted(search.written[1:]) == [("a", []), ("b", []), ("c", BOTH)]


async def test_what_lacks_a_models_vector_is_embedded_by_that_model_alone(
    indexer: Indexer, embedder: MemoryEmbedder, search: MemorySearch
) -> None:
    search.models["c"] = ["colour"]
    assert await outcomes(indexer, ("a", b"1")) == [CREATED]
    await search.add_model("c", embedder.served[1])
    assert await outcomes(indexer, ("a", b"1"), ("b", b"1"), ("c", b"2"), ("d", b"bad")) == [
        UPDATED,
        CREATED,
        CREATED,
        None,
    ]
    assert embedder.asked[1:] == [([b"1"], ["shape"]), ([b"2", b"bad"], BOTH)]
    assert sorted(search.written[1:]) == [("a", ["shape"]), ("b", ["shape"]), ("c", BOTH)]
    assert await outcomes(indexer, ("a", b"1")) == [UNCHANGED]


async def test_a_content_that_stands_twice_in_a_batch_is_embedded_once(
    indexer: Indexer, embedder: MemoryEmbedder, search: MemorySearch
) -> None:
    assert await outcomes(indexer, ("a", b"1"), ("b", b"2"), ("c", b"1")) == [CREATED] * 3
    assert contents(embedder) == [[b"1", b"2"]]
    assert search.collections["c"]["c"][0] == sha256(b"1")


async def test_pictures_that_are_elsewhere_are_each_embedded(indexer: Indexer, embedder: MemoryEmbedder) -> None:
    far = [Entry(i, f"x{i}", Picture(b"", types_pb2.Image(uri="http://x/1")), "", None) for i in range(2)]
    assert [fields(indexed.error) for indexed in await indexer.index("c", far)] == [
        ["entries[0].image"],
        ["entries[1].image"],
    ]
    assert contents(embedder) == [[b"", b""]]


class Forgetful(MemorySearch):
    """Loses the images in `losing` after they were counted as known."""

    losing: Sequence[str] = ()

    async def upsert(self, collection: str, images: Sequence[tuple[Version, Embedded]]) -> list[Indexed]:
        for image_id in self.losing:
            self.collections[collection].pop(image_id, None)
        return await super().upsert(collection, images)


async def test_a_known_content_that_goes_in_the_meantime_is_embedded_after_all(embedder: MemoryEmbedder) -> None:
    search = Forgetful({"c": {}})
    indexer = Indexer(embedder, search)
    await outcomes(indexer, ("a", b"1"), ("b", b"2"))
    search.losing = ["a"]
    assert await outcomes(indexer, ("c", b"1"), ("d", b"2"), ("e", b"3")) == [CREATED] * 3
    assert contents(embedder) == [[b"1", b"2"], [b"3"], [b"1"]]
    assert set(search.collections["c"]) == {"b", "c", "d", "e"}


async def test_errors_of_either_service_name_the_callers_own_fields(indexer: Indexer) -> None:
    await outcomes(indexer, ("known", b"0"))
    given = entries(
        ("known", b"0"), ("nothing", b""), ("wrong id", b"2"), ("broken", b"bad"), ("fine", b"3"), ("too", b"bad")
    )
    results = await indexer.index("c", given)
    assert [fields(result.error) for result in results] == [
        [],
        ["entries[1].image"],
        ["entries[2].image_id"],
        ["entries[3].image.content"],
        [],
        ["entries[5].image.content"],
    ]
    assert [result.image_id for result in results] == ["known", "nothing", "wrong id", "broken", "fine", "too"]


async def test_an_id_left_empty_is_the_contents_hash(indexer: Indexer, search: MemorySearch) -> None:
    await indexer.index("c", entries(("", b"1")))
    assert list(search.collections["c"]) == [sha256(b"1")]


async def test_one_content_twice_without_ids_is_one_id_twice(indexer: Indexer) -> None:
    with pytest.raises(DuplicateId) as refused:
        await indexer.index("c", entries(("a", b"1"), ("", b"2"), ("", b"2")))
    assert fields(refused.value) == ["entries[1].image_id"]


@pytest.mark.parametrize("count", [0, 65])
async def test_batches_are_bounded(indexer: Indexer, count: int) -> None:
    with pytest.raises(InvalidField, match=rf"^entries: has {count} entries; 1 to 64 are taken$"):
        await indexer.index("c", entries(*((f"x{i}", b"1") for i in range(count))))


async def test_pictures_that_are_elsewhere_are_embedded_by_a_model_that_is_being_built_too(
    indexer: Indexer, embedder: MemoryEmbedder, search: MemorySearch
) -> None:
    search.models["c"] = ["colour"]
    await search.add_model("c", embedder.served[1])
    far = Entry(0, "x", Picture(b"", types_pb2.Image(uri="http://x/1")), "", None)
    await indexer.index("c", [far])
    assert embedder.asked == [([b""], BOTH)]


async def test_what_was_written_meanwhile_is_neither_embedded_nor_written(
    indexer: Indexer, embedder: MemoryEmbedder, search: MemorySearch
) -> None:
    await outcomes(indexer, ("a", b"1"), ("b", b"2"))
    embedder.asked.clear()
    search.written.clear()
    given = [replace(entry, expected=Timestamp(seconds=1)) for entry in entries(("a", b"3"), ("b", b"2"))]
    results = await indexer.index("c", [*given, replace(entries(("c", b"4"))[0], position=2)])
    assert [result.outcome for result in results] == [None, None, CREATED]
    assert [result.error.metadata for result in results if result.error] == [{"image": "changed"}] * 2
    assert (contents(embedder), [name for name, _ in search.written]) == ([[b"4"]], ["c"])


async def test_what_is_wrong_by_itself_fails_alone_wherever_its_picture_is(
    indexer: Indexer, embedder: MemoryEmbedder
) -> None:
    far = Picture(b"", types_pb2.Image(uri="http://x/1"))
    wrong = [replace(entries(("a", b"1"))[0], position=1), Entry(2, "x", far, "", None)]
    problem = invalid_field("expected_update_time", "is none")
    given = [entries(("b", b"2"))[0], *(replace(entry, problem=problem) for entry in wrong)]
    results = await indexer.index("c", given)
    assert [fields(result.error) for result in results] == [
        [],
        ["entries[1].expected_update_time"],
        ["entries[2].expected_update_time"],
    ]
    assert [(result.image_id, result.content_sha256) for result in results[1:]] == [("a", sha256(b"1")), ("x", "")]
    assert contents(embedder) == [[b"2"]]


class Changing(MemorySearch):
    """Refuses the first writes, as for a collection that got another model."""

    refusals = 1

    async def upsert(self, collection: str, images: Sequence[tuple[Version, Embedded]]) -> list[Indexed]:
        self.refusals -= 1
        if self.refusals >= 0:
            raise Aborted("changed", reason="CONFLICT", metadata={"collection": "changed"})
        return await super().upsert(collection, images)


async def test_a_batch_is_done_again_when_the_collection_got_another_model(embedder: MemoryEmbedder) -> None:
    search = Changing({"c": {}})
    done = await Indexer(embedder, search).index("c", entries(("a", b"1")))
    assert [indexed.outcome for indexed in done] == [Outcome.CREATED]
    assert len(embedder.asked) == 2


async def test_a_collection_that_never_stays_the_same_is_given_up(embedder: MemoryEmbedder) -> None:
    search = Changing({"c": {}})
    search.refusals = 100
    with pytest.raises(Aborted):
        await Indexer(embedder, search).index("c", entries(("a", b"1")))


async def test_a_refused_picture_has_its_hash_too_and_the_id_that_is_the_hash(indexer: Indexer) -> None:
    results = await indexer.index("c", entries(("", b"bad 1"), ("mine", b"bad 2")))
    assert all(result.error for result in results)
    ids = [sha256(b"bad 1"), "mine"]
    assert [(r.image_id, r.content_sha256) for r in results] == list(
        zip(ids, map(sha256, (b"bad 1", b"bad 2")), strict=True)
    )
