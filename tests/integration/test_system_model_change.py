"""A collection changes its model while it is searched and written to, on either Milvus: nobody notices."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from likeness.v1 import image_search_pb2 as pb
from likeness.v1 import types_pb2
from tests.integration.test_system_search import photo
from tests.integration.test_system_writes import entry, index, refused
from tests.system import System

NAME = "changing"
PICTURES = 40


@pytest.fixture
async def collection(likeness: System) -> AsyncIterator[str]:
    """A collection of the model `colour`, with some pictures."""
    made = pb.Collection(name=NAME, models=["colour"])
    await likeness.gateway.CreateCollection(pb.CreateCollectionRequest(collection=made))
    await index(likeness, NAME, *(entry(f"old{seed}", seed) for seed in range(PICTURES)))
    yield NAME
    await likeness.gateway.DeleteCollection(pb.DeleteCollectionRequest(name=NAME, force=True))


@dataclass
class Traffic:
    """Searches and writes without a pause until `done`; what they met is kept."""

    likeness: System
    done: asyncio.Event = field(default_factory=asyncio.Event)
    models: set[str] = field(default_factory=set)
    searches: int = 0
    written: list[str] = field(default_factory=list)

    async def search(self) -> None:
        while not self.done.is_set():
            request = pb.SearchImagesRequest(collection=NAME, image=types_pb2.Image(content=photo(self.searches % 9)))
            answer = await self.likeness.gateway.SearchImages(request)
            (own,) = answer.per_model
            assert own.hits[0].distance < 1e-3
            assert not answer.model_errors
            self.models.add(own.model)
            self.searches += 1

    async def write(self) -> None:
        while not self.done.is_set():
            name = f"new{len(self.written)}"
            await index(self.likeness, NAME, entry(name, 1000 + len(self.written)))
            self.written.append(name)


async def missing(likeness: System) -> list[str]:
    found, token = [], ""
    while True:
        request = pb.ListImagesRequest(collection=NAME, missing_model="shape", page_size=7, page_token=token)
        page = await likeness.gateway.ListImages(request)
        found += [image.image_id for image in page.images]
        if not (token := page.next_page_token):
            return found


async def feed(likeness: System) -> None:
    """Index again what has no vector of the new model, as its owner would."""
    seeds = {image_id: int(image_id[3:]) for image_id in await missing(likeness)}
    batch = [entry(name, seed if name.startswith("old") else 1000 + seed) for name, seed in seeds.items()]
    for i in range(0, len(batch), 16):
        await index(likeness, NAME, *batch[i : i + 16])


async def test_a_model_is_changed_under_searches_and_writes(likeness: System, collection: str) -> None:
    gateway, traffic = likeness.gateway, Traffic(likeness)
    running = [asyncio.create_task(each()) for each in (traffic.search, traffic.search, traffic.write)]
    added = (await gateway.AddModel(pb.AddModelRequest(collection=NAME, model="shape"))).collection
    assert list(added.models) == ["colour"]
    activate = pb.ActivateModelRequest(collection=NAME, model="shape", replaces="colour")
    assert await refused(gateway.ActivateModel(activate)) == ("FAILED_PRECONDITION", "INDEX_INCOMPLETE", [])
    while await missing(likeness):
        await feed(likeness)
    changed = (await gateway.ActivateModel(activate)).collection
    assert list(changed.models) == ["shape"]
    written = len(traffic.written)
    searches = traffic.searches
    while len(traffic.written) < written + 3 or traffic.searches < searches + 3:
        done, _ = await asyncio.wait(running, timeout=0.05)
        assert not done, [task.exception() for task in done]
    traffic.done.set()
    await asyncio.gather(*running)
    assert traffic.models == {"colour", "shape"}
    described = (await gateway.GetCollection(pb.GetCollectionRequest(name=NAME))).collection
    assert described.image_count == PICTURES + len(traffic.written)
    assert [(b.model, b.image_count) for b in described.bindings] == [("shape", described.image_count)]
    for number, name in enumerate(traffic.written):
        request = pb.SearchImagesRequest(collection=NAME, image=types_pb2.Image(content=photo(1000 + number)))
        assert (await gateway.SearchImages(request)).hits[0].image_id == name


async def test_a_model_comes_and_goes(likeness: System, collection: str) -> None:
    gateway = likeness.gateway
    await gateway.AddModel(pb.AddModelRequest(collection=NAME, model="shape"))
    search = pb.SearchImagesRequest(collection=NAME, image_id="old1", models=["shape"])
    assert await refused(gateway.SearchImages(search)) == ("FAILED_PRECONDITION", "INDEX_INCOMPLETE", [])
    await feed(likeness)
    assert await missing(likeness) == []
    await gateway.ActivateModel(pb.ActivateModelRequest(collection=NAME, model="shape"))
    answer = await gateway.SearchImages(pb.SearchImagesRequest(collection=NAME, image_id="old1"))
    assert [own.model for own in answer.per_model] == ["colour", "shape"]
    remove = pb.RemoveModelRequest(collection=NAME, model="colour")
    assert await refused(gateway.RemoveModel(remove)) == ("FAILED_PRECONDITION", "FORCE_REQUIRED", [])
    remove.force = True
    assert list((await gateway.RemoveModel(remove)).collection.models) == ["shape"]
    last = pb.RemoveModelRequest(collection=NAME, model="shape", force=True)
    assert await refused(gateway.RemoveModel(last)) == ("INVALID_ARGUMENT", "INVALID_FIELD", ["model"])


async def test_what_is_not_there_is_named(likeness: System, collection: str) -> None:
    gateway = likeness.gateway
    cases = [
        (gateway.AddModel(pb.AddModelRequest(collection=NAME, model="none")), "NOT_FOUND", "MODEL_NOT_FOUND"),
        (gateway.AddModel(pb.AddModelRequest(collection="none", model="shape")), "NOT_FOUND", "COLLECTION_NOT_FOUND"),
        (
            gateway.ActivateModel(pb.ActivateModelRequest(collection=NAME, model="shape")),
            "NOT_FOUND",
            "MODEL_NOT_FOUND",
        ),
        (gateway.ListImages(pb.ListImagesRequest(collection=NAME, missing_model="x")), "NOT_FOUND", "MODEL_NOT_FOUND"),
    ]
    for call, *expected in cases:
        code, reason, _ = await refused(call)
        assert [code, reason] == expected
