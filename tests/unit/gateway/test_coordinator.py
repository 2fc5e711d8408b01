"""What searches and new collections ask of the two services, over their twins."""

import hashlib
from dataclasses import dataclass

import pytest

from gateway.coordinator import Coordinator
from gateway.indexing import Indexer
from gateway.ports import Embedded, ModelNotFound, Payload, Picture, Question
from likeness.v1 import image_search_pb2
from servicekit.errors import FailedPrecondition, InvalidArgument, NotFound
from tests.fakes_gateway import MODELS, MemoryEmbedder, MemorySearch, model_of, picture
from tests.unit.gateway.conftest import entries


@pytest.fixture
def coordinator(embedder: MemoryEmbedder, search: MemorySearch) -> Coordinator:
    return Coordinator(embedder, search)


def question(given: Picture | None, *models: str, image_id: str = "", partial: bool = False) -> Question:
    return Question("c", given, models, image_search_pb2.SearchImagesRequest(image_id=image_id), partial)


async def test_a_search_by_picture_uses_the_models_asked_for_or_the_collections(
    coordinator: Coordinator, embedder: MemoryEmbedder
) -> None:
    await coordinator.search(question(picture(b"1"), "shape"))
    await coordinator.compare(question(picture(b"1")))
    assert [models for _, models in embedder.asked] == [["shape"], ["colour", "shape"]]


async def test_models_that_are_not_served_are_left_out_where_that_will_do(
    coordinator: Coordinator, embedder: MemoryEmbedder
) -> None:
    del embedder.served[0]
    answer = await coordinator.search(question(picture(b"1"), partial=True))
    assert embedder.asked == [([b"1"], ["shape"])]
    assert {model: error.code_reason for model, error in answer.failed.items()} == {"colour": "MODEL_NOT_FOUND"}
    for refused in (question(picture(b"1")), question(picture(b"1"), "colour", "shape")):
        with pytest.raises(NotFound, match="'colour' is not served"):
            await coordinator.search(refused)
    embedder.served.clear()
    with pytest.raises(NotFound, match="'colour' is not served"):
        await coordinator.search(question(picture(b"1"), partial=True))


async def test_a_search_by_id_asks_nothing_of_the_embedder(
    coordinator: Coordinator, indexer: Indexer, embedder: MemoryEmbedder
) -> None:
    await indexer.index("c", entries(("a", b"1")))
    embedder.asked.clear()
    answer = await coordinator.search(question(None, image_id="a"))
    assert [hit.image_id for hit in answer.found.hits] == ["a"]
    assert (embedder.asked, answer.embed_seconds) == ([], 0.0)


async def test_a_search_by_a_picture_that_is_indexed_asks_nothing_of_the_embedder(
    coordinator: Coordinator, indexer: Indexer, embedder: MemoryEmbedder
) -> None:
    await indexer.index("c", entries(("a", b"1")))
    embedder.asked.clear()
    for ask in (coordinator.search, coordinator.compare):
        answer = await ask(question(picture(b"1"), "shape"))
        assert (embedder.asked, answer.embed_seconds) == ([], 0.0)
    assert answer.total_seconds == answer.search_seconds


class Forgetful(MemorySearch):
    """Loses every image between two calls."""

    async def find(self, collection: str, sha256: str) -> tuple[list[str], bool]:
        found = await super().find(collection, sha256)
        self.collections[collection].clear()
        return found


async def test_a_search_by_a_picture_that_goes_in_the_meantime_embeds_it(embedder: MemoryEmbedder) -> None:
    search = Forgetful({"c": {"a": (hashlib.sha256(b"1").hexdigest(), "", None)}})
    answer = await Coordinator(embedder, search).search(question(picture(b"1")))
    assert list(answer.found.hits) == []
    assert embedder.asked == [([b"1"], ["colour", "shape"])]


class Emptied(MemorySearch):
    """Has lost the whole collection by the time that it is searched."""

    async def search(self, question: Question, query: Embedded | None) -> Payload:
        self.collections.clear()
        return await super().search(question, query)


@dataclass
class Replacing(MemorySearch):
    """Has one model, and takes the next each time that a search comes with vectors of it, as often as `changes` says.

    The model that goes is built anew then with `building_again`.
    """

    changes: int = 1
    building_again: bool = False

    async def search(self, question: Question, query: Embedded | None) -> Payload:
        assert query is not None
        if self.changes:
            self.changes -= 1
            self.models["c"] = [model.name for model in MODELS if model.name not in self.models["c"]]
        if {model_of(embedding) for embedding in query.embeddings} - {*self.models["c"]}:
            if self.building_again:
                raise FailedPrecondition("it is being built", reason="INDEX_INCOMPLETE")
            raise NotFound("the collection has no such model", reason="MODEL_NOT_FOUND")
        return await super().search(question, query)


@pytest.mark.parametrize("building_again", [False, True])
async def test_a_search_that_names_no_models_goes_on_with_those_that_come_meanwhile(
    embedder: MemoryEmbedder, building_again: bool
) -> None:
    search = Replacing({"c": {}}, models={"c": ["colour"]}, building_again=building_again)
    answer = await Coordinator(embedder, search).search(question(picture(b"1")))
    assert [models for _, models in embedder.asked] == [["colour"], ["shape"]]
    assert 0 < answer.embed_seconds < answer.total_seconds


@pytest.mark.parametrize(("models", "asked"), [([], 4), (["colour"], 1)])
async def test_models_that_are_named_or_never_stay_the_same_are_an_error(
    embedder: MemoryEmbedder, models: list[str], asked: int
) -> None:
    search = Replacing({"c": {}}, models={"c": ["colour"]}, changes=100)
    with pytest.raises(NotFound, match="no such model"):
        await Coordinator(embedder, search).search(question(picture(b"1"), *models))
    assert len(embedder.asked) == asked


async def test_other_errors_of_a_search_stay_what_they_are(embedder: MemoryEmbedder) -> None:
    search = Emptied({"c": {"a": (hashlib.sha256(b"1").hexdigest(), "", None)}})
    with pytest.raises(NotFound) as unknown:
        await Coordinator(embedder, search).search(question(picture(b"1")))
    assert (unknown.value.code_reason, embedder.asked) == ("COLLECTION_NOT_FOUND", [])


async def test_a_picture_that_cannot_be_read_is_the_requests_image(coordinator: Coordinator) -> None:
    for content, field in ((b"bad", "image.content"), (b"", "image")):
        with pytest.raises(InvalidArgument) as refused:
            await coordinator.search(question(picture(content)))
        assert refused.value.violations[0].field == field
        assert refused.value.message.startswith(f"{field}: ")


async def test_a_collection_is_bound_to_the_models_as_they_are_served(coordinator: Coordinator) -> None:
    for models, bound in (([], MODELS), (["shape"], MODELS[1:])):
        made = await coordinator.create_collection(image_search_pb2.Collection(name="x"), models)
        assert list(made.models) == [model.name for model in bound]
    with pytest.raises(ModelNotFound):
        await coordinator.create_collection(image_search_pb2.Collection(name="x"), ["none"])
