"""What the services behind the gateway must do, as its clients and their twins."""

import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

import embedder_service.app
import search_service.app
from embedder_service.settings import EmbedderSettings
from gateway.clients import EmbedderClient, SearchClient
from gateway.ports import Embedded, Embedder, Entry, Indexed, Outcome, Question, Search, Version
from likeness.v1 import image_search_pb2
from search_service.settings import SearchSettings
from servicekit import channel, status
from servicekit.errors import Aborted, InvalidArgument, NotFound, ServiceError, invalid_field
from tests.fakes_gateway import MemoryEmbedder, MemorySearch, fields, picture
from tests.integration.test_system_search import photo
from tests.serving import serving

REQUEST = "6f3b65e8-0bd5-4627-b303-377f476a6e31"
BODY, OTHER_BODY = "1" * 64, "2" * 64


@dataclass(frozen=True)
class Services:
    embedder: Embedder
    search: Search
    collection: str = ""


@asynccontextmanager
async def real(redis_url: str, directory: Path) -> AsyncIterator[Services]:
    size = 2**24
    embedder = EmbedderSettings(health_port=0, metrics_port=0, port=0, drain_seconds=0)
    search = SearchSettings(
        health_port=0,
        metrics_port=0,
        port=0,
        drain_seconds=0,
        milvus_uri=str(directory / "lite.db"),
        redis_url=redis_url,
    )
    async with (
        serving(embedder_service.app.build, embedder) as a,
        serving(search_service.app.build, search) as b,
        channel.connect(a.address, max_message_bytes=size) as to_embedder,
        channel.connect(b.address, max_message_bytes=size) as to_search,
    ):
        await a.ready()
        await b.ready()
        yield Services(EmbedderClient(to_embedder, 30), SearchClient(to_search, 30, 60))


@pytest.fixture(scope="module", params=["memory", "real"])
async def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Services]:
    if request.param == "memory":
        yield Services(MemoryEmbedder(), MemorySearch())
        return
    async with real(request.getfixturevalue("redis_url"), tmp_path_factory.mktemp("ports")) as services:
        yield services


@pytest.fixture
async def services(running: Services) -> Services:
    name = f"c-{secrets.token_hex(4)}"
    await running.search.create(image_search_pb2.Collection(name=name), await running.embedder.models())
    return Services(running.embedder, running.search, name)


def version(
    image_id: str, seed: int, uri: str = "", *, expected: Timestamp | None = None, write_id: str = ""
) -> Version:
    content = photo(seed)
    attributes = image_search_pb2.ImageEntry().attributes
    entry = Entry(0, image_id, picture(content), uri, attributes, expected, write_id)
    return Version(entry, image_id, hashlib.sha256(content).hexdigest())


async def embedded(services: Services, image: Version) -> Embedded:
    models = await services.search.models_of(services.collection)
    (result,) = await services.embedder.embed([image.entry.picture], models)
    return result


async def put(services: Services, image: Version) -> Indexed:
    (indexed,) = await services.search.upsert(services.collection, [(image, await embedded(services, image))])
    return indexed


async def copy(services: Services, *images: Version) -> list[Indexed]:
    pairs = [(image, Embedded.stored(image.content_sha256)) for image in images]
    return await services.search.upsert(services.collection, pairs)


async def delete(services: Services, image_id: str) -> None:
    request = image_search_pb2.DeleteImagesRequest(collection=services.collection, image_ids=[image_id])
    await services.search.hand_on("DeleteImages", request)


def question(services: Services, image: Version) -> Question:
    return Question(services.collection, image.entry.picture, [], image_search_pb2.SearchImagesRequest())


async def test_pictures_are_embedded_in_order_and_fail_alone(services: Services) -> None:
    contents = [photo(1), b"bad", b"", photo(2)]
    results = await services.embedder.embed([picture(content) for content in contents], ["shape", "colour"])
    assert [result.content_sha256 for result in results] == [
        hashlib.sha256(contents[0]).hexdigest(),
        "",
        "",
        hashlib.sha256(contents[3]).hexdigest(),
    ]
    assert [fields(result.error) for result in results] == [[], ["images[1].content"], ["images[2]"], []]
    assert [result.error.code_reason for result in results if result.error] == ["IMAGE_UNDECODABLE", "INVALID_FIELD"]
    assert (results[0].width_px, results[0].height_px, len(results[0].embeddings)) == (160, 120, 2)


async def test_an_image_is_unchanged_known_by_content_or_new(services: Services) -> None:
    assert (await put(services, version("a", 1))).outcome is Outcome.CREATED
    images = [version("a", 1, "new"), version("b", 1), version("c", 2), version("bad id", 1)]
    models, checked = await services.search.check(services.collection, images)
    assert models == ["colour", "shape"]
    known = [(each.unchanged, each.missing_models) for each in checked[:3]]
    assert known == [(False, [])] * 2 + [(False, ["colour", "shape"])]
    assert fields(checked[3].error) == ["images[3].image_id"]
    (_, (same,)) = await services.search.check(services.collection, [version("a", 1)])
    assert same.unchanged
    assert (await put(services, version("a", 1, "new"))).outcome is Outcome.UPDATED
    assert (await put(services, version("a", 1, "new"))).outcome is Outcome.UNCHANGED


async def written_at(services: Services, image_id: str) -> Timestamp:
    request = image_search_pb2.GetImageRequest(collection=services.collection, image_id=image_id)
    answer: image_search_pb2.GetImageResponse = await services.search.hand_on("GetImage", request)
    return answer.image.update_time


async def known(services: Services, image: Version) -> str:
    """Return what a check says of an image: UNCHANGED, TO_WRITE or an error's reason with its metadata."""
    _, (checked,) = await services.search.check(services.collection, [image])
    if checked.error:
        return f"{checked.error.code_reason} {checked.error.metadata}"
    return "UNCHANGED" if checked.unchanged else "TO_WRITE"


async def test_an_image_is_written_only_if_it_was_last_written_when_it_is_expected_to_have_been(
    services: Services,
) -> None:
    changed = "CONFLICT {'image': 'changed'}"
    await put(services, version("a", 1))
    first = await written_at(services, "a")
    assert await known(services, version("none", 1, expected=first)) == changed
    assert await known(services, version("a", 1, expected=first)) == "UNCHANGED"
    write = version("a", 2, expected=first, write_id="this")
    assert await known(services, write) == "TO_WRITE"
    assert (await put(services, write)).outcome is Outcome.UPDATED
    assert await known(services, write) == "UNCHANGED"
    assert (await put(services, write)).outcome is Outcome.UNCHANGED
    another = version("a", 2, expected=first, write_id="other")
    for late in (another, version("a", 1, expected=first), version("none", 1, expected=first)):
        assert await known(services, late) == changed
        refused = await put(services, late)
        assert isinstance(refused.error, Aborted)
        assert (refused.outcome, refused.error.metadata) == (None, {"image": "changed"})
    await put(services, version("a", 1))
    await put(services, version("a", 2))
    assert await known(services, write) == changed
    await delete(services, "a")
    assert await known(services, version("a", 2, expected=first)) == changed


async def test_a_known_content_needs_no_vectors(services: Services) -> None:
    await put(services, version("a", 1))
    known, new = await copy(services, version("b", 1), version("c", 2))
    assert known == Indexed("b", version("b", 1).content_sha256, Outcome.CREATED)
    assert isinstance(new.error, Aborted)
    assert new.error.code_reason == "CONFLICT"
    assert new.content_gone
    await delete(services, "a")
    await delete(services, "b")
    (gone,) = await copy(services, version("b", 1))
    assert gone.content_gone


async def test_a_known_content_needs_the_vectors_of_a_new_model_alone(running: Services) -> None:
    name, (colour, shape) = f"c-{secrets.token_hex(4)}", await running.embedder.models()
    await running.search.create(image_search_pb2.Collection(name=name), [colour])
    services = Services(running.embedder, running.search, name)
    assert (await put(services, version("a", 1))).outcome is Outcome.CREATED
    await services.search.add_model(name, shape)
    models, checked = await services.search.check(name, [version("a", 1), version("b", 1), version("c", 2)])
    assert models == await services.search.bound_to(name) == ["colour", "shape"]
    assert await services.search.models_of(name) == ["colour"]
    assert [(each.unchanged, each.missing_models) for each in checked] == [(False, ["shape"])] * 2 + [(False, models)]
    (vectors,) = await services.embedder.embed([version("a", 1).entry.picture], ["shape"])
    pairs = [(version(image_id, 1), replace(vectors, reuse=True)) for image_id in "ba"]
    written = await services.search.upsert(name, [*pairs, (version("c", 2), replace(vectors, reuse=True))])
    assert [indexed.outcome for indexed in written] == [Outcome.CREATED, Outcome.UPDATED, None]
    assert written[2].content_gone
    _, (again,) = await services.search.check(name, [version("a", 1)])
    assert again.unchanged


async def test_a_search_needs_no_vectors_of_a_known_content(services: Services) -> None:
    a, sha256 = version("a", 1), version("a", 1).content_sha256
    assert await services.search.find(services.collection, sha256) == (["colour", "shape"], False)
    await put(services, a)
    assert await services.search.find(services.collection, sha256) == (["colour", "shape"], True)
    for query in (Embedded.stored(sha256), await embedded(services, a)):
        found = await services.search.search(question(services, a), query)
        assert [hit.image_id for hit in found.hits] == ["a"]
        compared = await services.search.compare(question(services, a), query)
        assert [hit.image_id for hit in compared.per_model[0].hits] == ["a"]
    await delete(services, "a")
    for ask in (services.search.search, services.search.compare):
        with pytest.raises(NotFound) as gone:
            await ask(question(services, a), Embedded.stored(sha256))
        assert gone.value.code_reason == "IMAGE_NOT_FOUND"


async def test_the_first_answer_to_a_request_stands(services: Services) -> None:
    keep = services.search.keep
    error = InvalidArgument("entries[1].image.content: no", reason="IMAGE_UNDECODABLE")
    first = [Indexed("a", "1" * 64, Outcome.CREATED), Indexed("b", "2" * 64, error=error)]
    assert await services.search.recall(services.collection, REQUEST, BODY) is None
    for answer in (first, first[:1]):
        assert shown(await keep(services.collection, REQUEST, BODY, answer)) == shown(first)
    assert shown(await services.search.recall(services.collection, REQUEST, BODY) or []) == shown(first)
    for used_again in (
        services.search.recall(services.collection, REQUEST, OTHER_BODY),
        keep(services.collection, REQUEST, OTHER_BODY, first),
    ):
        with pytest.raises(InvalidArgument) as refused:
            await used_again
        assert fields(refused.value) == ["request_id"]


def shown(answer: list[Indexed]) -> list[object]:
    return [
        (i.image_id, i.content_sha256, i.outcome, i.error and (i.error.message, i.error.code_reason)) for i in answer
    ]


async def test_every_call_about_an_unknown_collection_says_so(services: Services) -> None:
    a, name = version("a", 1), "none"
    calls = [
        services.search.models_of(name),
        services.search.bound_to(name),
        services.search.check(name, [a]),
        services.search.find(name, a.content_sha256),
        services.search.upsert(name, [(a, Embedded.stored(a.content_sha256))]),
        services.search.recall(name, REQUEST, BODY),
        services.search.keep(name, REQUEST, BODY, []),
    ]
    for call in calls:
        with pytest.raises(NotFound) as unknown:
            await call
        assert unknown.value.code_reason == "COLLECTION_NOT_FOUND"


@pytest.mark.parametrize(
    "error",
    [
        invalid_field("entries[3].image", "no"),
        NotFound("x", reason="COLLECTION_NOT_FOUND"),
        Aborted("y", reason="CONFLICT", metadata={"content": "gone"}, retry_after_seconds=0.25),
    ],
)
def test_an_error_is_the_same_message_after_a_journey(error: ServiceError) -> None:
    """So that an answer that was kept is the very bytes of the first one."""
    packed = status.to_status(error)
    assert status.to_status(status.from_status(packed)).SerializeToString() == packed.SerializeToString()


async def test_no_picture_is_embedded_with_a_model_that_is_not_served(services: Services) -> None:
    with pytest.raises(NotFound) as unknown:
        await services.embedder.embed([picture(photo(1))], ["colour", "none"])
    assert unknown.value.code_reason == "MODEL_NOT_FOUND"
