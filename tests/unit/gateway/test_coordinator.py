"""What the coordinator asks of the two services, over twins that remember it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from gateway.coordinator import Coordinator
from gateway.ports import (
    Checked,
    DuplicateId,
    Embedded,
    Entry,
    Indexed,
    Model,
    ModelNotFound,
    Outcome,
    Payload,
    Picture,
    Question,
    Version,
)
from servicekit.errors import InvalidArgument, InvalidField, invalid_field


@dataclass
class RememberingEmbedder:
    """Embeds everything but pictures that say `bad`."""

    asked: list[tuple[list[bytes], list[str]]] = field(default_factory=list)

    async def list_models(self, request: Payload) -> Payload:
        return request

    async def models(self) -> list[Model]:
        return [Model("colour", "f1", 3), Model("shape", "f2", 4)]

    async def embed(self, pictures: Sequence[Picture], models: Sequence[str]) -> list[Embedded]:
        self.asked.append(([picture.content for picture in pictures], list(models)))
        return [self._embedded(i, picture) for i, picture in enumerate(pictures)]

    def _embedded(self, i: int, picture: Picture) -> Embedded:
        if picture.content.startswith(b"bad"):
            return Embedded("", 0, 0, [], invalid_field(f"images[{i}].content", "bad"))
        return Embedded("sha", 2, 1, [picture.content])


@dataclass
class RememberingSearch:
    """Holds the images whose ids are in `known` and refuses those in `wrong`."""

    known: set[str] = field(default_factory=set)
    wrong: set[str] = field(default_factory=set)
    written: list[str] = field(default_factory=list)

    async def hand_on(self, method: str, request: Payload) -> Payload:
        return request

    async def create(self, collection: Payload, models: Sequence[Model]) -> Payload:
        return collection, list(models)

    async def models_of(self, collection: str) -> list[str]:
        return ["colour"]

    async def check(self, collection: str, versions: Sequence[Version]) -> tuple[list[str], list[Checked]]:
        return ["colour"], [
            Checked(
                v.image_id in self.known, invalid_field(f"images[{i}].uri", "x") if v.image_id in self.wrong else None
            )
            for i, v in enumerate(versions)
        ]

    async def upsert(self, collection: str, images: Sequence[tuple[Version, Embedded]]) -> list[Indexed]:
        self.written += [version.image_id for version, _ in images]
        return [Indexed(version.image_id, version.content_sha256, Outcome.CREATED) for version, _ in images]

    async def search(self, question: Question, query: Embedded | None) -> Payload:
        return question, query

    async def compare(self, question: Question, query: Embedded | None) -> Payload:
        return question, query


@pytest.fixture
def embedder() -> RememberingEmbedder:
    return RememberingEmbedder()


@pytest.fixture
def search() -> RememberingSearch:
    return RememberingSearch()


@pytest.fixture
def coordinator(embedder: RememberingEmbedder, search: RememberingSearch) -> Coordinator:
    return Coordinator(embedder, search)


def entries(*named: tuple[str, bytes]) -> list[Entry]:
    return [Entry(i, name, Picture(content, None), "", None) for i, (name, content) in enumerate(named)]


async def test_what_is_there_already_is_neither_embedded_nor_written(
    coordinator: Coordinator, embedder: RememberingEmbedder, search: RememberingSearch
) -> None:
    search.known = {"old"}
    results = await coordinator.index("c", entries(("old", b"1"), ("new", b"2")), "")
    assert [result.outcome for result in results] == [Outcome.UNCHANGED, Outcome.CREATED]
    assert embedder.asked == [([b"2"], ["colour"])]
    assert search.written == ["new"]


async def test_nothing_new_asks_nothing_of_the_embedder(
    coordinator: Coordinator, embedder: RememberingEmbedder, search: RememberingSearch
) -> None:
    search.known = {"a", "b"}
    await coordinator.index("c", entries(("a", b"1"), ("b", b"2")), "")
    assert embedder.asked == []
    assert search.written == []


async def test_errors_of_either_service_name_the_callers_own_fields(
    coordinator: Coordinator, search: RememberingSearch
) -> None:
    search.known, search.wrong = {"known"}, {"wrong"}
    given = entries(("known", b"1"), ("nothing", b""), ("wrong", b"2"), ("broken", b"bad"), ("fine", b"3"))
    results = await coordinator.index("c", given, "")
    fields = [result.error.violations[0].field if result.error else None for result in results]
    assert fields == [None, None, "entries[2].uri", "entries[3].image.content", None]
    assert [result.image_id for result in results] == ["known", "nothing", "wrong", "broken", "fine"]


async def test_an_id_left_empty_is_the_contents_hash(coordinator: Coordinator, search: RememberingSearch) -> None:
    await coordinator.index("c", entries(("", b"")), "")
    assert search.written == ["sha"]


async def test_one_content_twice_without_ids_is_one_id_twice(coordinator: Coordinator) -> None:
    with pytest.raises(DuplicateId) as refused:
        await coordinator.index("c", entries(("a", b"1"), ("", b"2"), ("", b"2")), "")
    (violation,) = refused.value.violations
    problem = f"'{hashlib.sha256(b'2').hexdigest()}' stands 2 times in the batch"
    assert (violation.field, violation.description) == ("entries[1].image_id", problem)
    assert refused.value.message == f"entries[1].image_id: {problem}"


async def test_a_refused_picture_has_its_hash_too_and_the_id_that_is_the_hash(coordinator: Coordinator) -> None:
    results = await coordinator.index("c", entries(("", b"bad 1"), ("mine", b"bad 2"), ("none", b"")), "")
    hashes = [hashlib.sha256(content).hexdigest() for content in (b"bad 1", b"bad 2")]
    assert [bool(result.error) for result in results] == [True, True, False]
    assert [(r.image_id, r.content_sha256) for r in results[:2]] == [(hashes[0], hashes[0]), ("mine", hashes[1])]


@pytest.mark.parametrize("count", [0, 65])
async def test_batches_are_bounded(coordinator: Coordinator, count: int) -> None:
    with pytest.raises(InvalidField, match=rf"^entries: has {count} entries; 1 to 64 are taken$"):
        await coordinator.index("c", entries(*((f"x{i}", b"1") for i in range(count))), "")


async def test_a_request_id_is_a_uuid(coordinator: Coordinator) -> None:
    await coordinator.index("c", entries(("a", b"1")), "6f3b65e8-0bd5-4627-b303-377f476a6e31")
    with pytest.raises(InvalidField, match="request_id"):
        await coordinator.index("c", entries(("a", b"1")), "first try")


async def test_a_search_by_picture_uses_the_models_asked_for_or_the_collections(
    coordinator: Coordinator, embedder: RememberingEmbedder
) -> None:
    picture = Picture(b"1", None)
    await coordinator.search(Question("c", picture, ["shape"], None))
    await coordinator.compare(Question("c", picture, [], None))
    assert [models for _, models in embedder.asked] == [["shape"], ["colour"]]


async def test_a_search_by_id_asks_nothing_of_the_embedder(
    coordinator: Coordinator, embedder: RememberingEmbedder
) -> None:
    answer = await coordinator.search(Question("c", None, [], None))
    assert answer.found[1] is None
    assert embedder.asked == []


async def test_a_picture_that_cannot_be_read_is_the_requests_image(coordinator: Coordinator) -> None:
    with pytest.raises(InvalidArgument) as refused:
        await coordinator.search(Question("c", Picture(b"bad", None), [], None))
    assert refused.value.violations[0].field == "image.content"
    assert refused.value.message == "image.content: bad"


async def test_a_collection_is_bound_to_the_models_as_they_are_served(coordinator: Coordinator) -> None:
    assert await coordinator.create_collection("x", []) == ("x", [Model("colour", "f1", 3), Model("shape", "f2", 4)])
    assert await coordinator.create_collection("x", ["shape"]) == ("x", [Model("shape", "f2", 4)])
    with pytest.raises(ModelNotFound):
        await coordinator.create_collection("x", ["none"])
    with pytest.raises(InvalidField, match=r"^collection.models: a model is named twice$"):
        await coordinator.create_collection("x", ["shape", "shape"])
