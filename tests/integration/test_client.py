"""The clients that a Python program uses, on asyncio and off it, against the whole system."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image

import likeness as package
from likeness import AsyncClient, Client, Entry, LikenessError
from likeness.v1 import types_pb2
from tests import embedder_images as images
from tests.proxy import proxy_to
from tests.system import System

# The clients do not see which Milvus there is.
pytestmark = pytest.mark.parametrize("likeness", ["lite"], indirect=True)

PICTURES = [images.noise(24, 32, seed=seed) for seed in range(6)]
PNGS = [images.encode(picture, "PNG") for picture in PICTURES]
ENTRIES = [
    Entry(png, f"p/{n}", uri=f"file:///{n}.png", attributes={"parity": ["even", "odd"][n % 2], "n": n})
    for n, png in enumerate(PNGS)
]


class Caller:
    """Calls either client in the same way: a generator's answers come as a list."""

    def __init__(self, client: Client | AsyncClient) -> None:
        self.client = client

    async def __call__(self, name: str, *arguments: Any, **options: Any) -> Any:
        method = getattr(self.client, name)
        if isinstance(self.client, Client):
            return await asyncio.to_thread(lambda: _whole(method(*arguments, **options)))
        answer = method(*arguments, **options)
        return [item async for item in answer] if hasattr(answer, "__aiter__") else await answer


def _whole(answer: Any) -> Any:
    return list(answer) if isinstance(answer, Iterator) else answer


@pytest.fixture(params=["sync", "async"])
async def call(request: pytest.FixtureRequest, likeness: System) -> AsyncIterator[Caller]:
    async with connected(request.param, likeness.servers["gateway"].address) as caller:
        await caller("create_collection", caller.client._collection, models=["colour", "shape"])
        yield caller
        await caller("delete_collection", caller.client._collection, force=True)


class connected:  # noqa: N801 used as a function
    """A caller of an address, in a collection of its own."""

    def __init__(self, kind: str, address: str) -> None:
        kinds: dict[str, Callable[..., Any]] = {"sync": Client, "async": AsyncClient}
        self._client = kinds[kind](address, collection=f"c{uuid4().hex}")

    async def __aenter__(self) -> Caller:
        return Caller(self._client)

    async def __aexit__(self, *_: object) -> None:
        closed = self._client.close()
        if closed is not None:
            await closed


async def test_every_form_of_a_picture_finds_it(call: Caller, tmp_path: Path) -> None:
    await call("index", ENTRIES)
    (tmp_path / "photo.png").write_bytes(PNGS[2])
    forms: list[Any] = [
        PNGS[2], tmp_path / "photo.png", str(tmp_path / "photo.png"), PICTURES[2], Image.open(BytesIO(PNGS[2])),
    ]  # fmt: skip
    for form in forms:
        found = await call("search", form, top_k=3)
        assert (found.hits[0].image_id, found.hits[0].rank) == ("p/2", 1)
        assert found.hits[0].distance < 1e-3
        assert set(found.per_model) == {"colour", "shape"}
        assert {part.model for part in found.hits[0].contributions} == {"colour", "shape"}
        assert found.model_errors == {}


async def test_an_answer_has_what_was_asked_for(call: Caller) -> None:
    await call("index", ENTRIES)
    found = await call(
        "search",
        image_id="p/1",
        models=["shape"],
        top_k=5,
        where={"parity": "odd", "n": [3, 5]},
        exclude_self=True,
        fusion="WEIGHTED_DISTANCE",
        weights={"shape": 2.0},
        include_attributes=True,
        strong=True,
        max_distance=2.0,
        timeout_seconds=20,
    )
    assert sorted(hit.image_id for hit in found.hits) == ["p/3", "p/5"]
    assert found.hits[0].attributes == {"parity": "odd", "n": ENTRIES[int(found.hits[0].image_id[2:])].attributes["n"]}
    assert found.hits[0].uri.startswith("file:///")
    assert [hit.distance for hit in found.hits] == [hit.distance for hit in found.per_model["shape"]]
    compared = await call("compare", PNGS[0], top_k=4)
    assert {len(hits) for hits in compared.per_model.values()} == {4}
    ((pair),) = compared.agreements
    assert {pair.model_a, pair.model_b} == {"colour", "shape"}
    assert 0 <= pair.overlap_at_k <= 1


async def test_records_are_read_listed_and_deleted(call: Caller) -> None:
    results = await call("index", ENTRIES)
    assert [result.outcome for result in results] == ["CREATED"] * 6
    record = await call("get_image", "p/4")
    assert (record.image_id, record.content_sha256, record.width_px) == ("p/4", results[4].content_sha256, 32)
    assert (record.attributes, record.create_time) == (ENTRIES[4].attributes, record.update_time)
    assert [found.image_id for found in await call("list_images", where={"parity": "even"})] == ["p/0", "p/2", "p/4"]
    assert [found.image_id for found in await call("list_images")] == [entry.image_id for entry in ENTRIES]
    assert await call("delete_images", ["p/0", "none"]) == package.Deleted(1, ("none",))
    odd = types_pb2.Filter(condition=types_pb2.Condition(attribute="n", range=types_pb2.Range(gte=3)))
    assert (await call("delete_images_where", odd)).count == 3
    assert [found.image_id for found in await call("list_images")] == ["p/1", "p/2"]


async def test_collections_and_models_are_described(call: Caller) -> None:
    name = call.client._collection
    made = await call("get_collection", name)
    assert (made.name, made.models, made.metric, made.image_count) == (name, ("colour", "shape"), "L2", 0)
    assert made in await call("list_collections")
    assert {"colour", "shape"} <= {model.name for model in await call("list_models")}
    await call("create_collection", f"{name}-b", models=["shape"], metric="COSINE", description="b")
    other = await call("get_collection", f"{name}-b")
    assert (other.metric, other.description) == ("COSINE", "b")
    assert (await call("index", ENTRIES[:1], collection=other.name))[0].outcome == "CREATED"
    with pytest.raises(LikenessError) as caught:
        await call("delete_collection", other.name)
    assert caught.value.reason == "FORCE_REQUIRED"
    await call("delete_collection", other.name, force=True)


async def test_a_stream_answers_each_image_and_names_those_that_fail(call: Caller, tmp_path: Path) -> None:
    gone, text = Entry(tmp_path / "gone.png", "gone"), Entry(b"just some text", "text")
    answers = dict(await call("ingest", [ENTRIES[0], gone, text, *ENTRIES[1:]]))
    assert {entry.image_id for entry, result in answers.items() if not result.error} == {e.image_id for e in ENTRIES}
    assert answers[gone].error.reason == "FILE_UNREADABLE"
    assert answers[text].error.reason == "IMAGE_UNDECODABLE"
    again = await call("ingest", ENTRIES)
    assert {result.outcome for _, result in again} == {"UNCHANGED"}


async def test_what_a_programs_own_entries_raise_comes_back_to_it(call: Caller) -> None:
    def entries() -> Iterator[Entry]:
        yield ENTRIES[0]
        raise RuntimeError("the program's own")

    with pytest.raises(RuntimeError, match="the program's own"):
        await call("ingest", entries())
    assert (await call("get_image", "p/0")).image_id == "p/0"


async def test_errors_say_what_a_program_can_act_on(call: Caller) -> None:
    await call("index", ENTRIES[:1])
    cases = {
        "IMAGE_NOT_FOUND": ("get_image", "none"),
        "IMAGE_UNDECODABLE": ("search", b"just some text"),
        "COLLECTION_EXISTS": ("create_collection", call.client._collection),
    }
    for reason, arguments in cases.items():
        with pytest.raises(LikenessError) as caught:
            await call(*arguments)
        assert caught.value.reason == reason
    for options in ({}, {"image_id": "p/0", "picture": PNGS[0]}):
        with pytest.raises(LikenessError, match="and not both"):
            await call("search", **options)
    with pytest.raises(LikenessError) as caught:
        await call("search", PNGS[0], timeout_seconds=1e-6)
    assert caught.value.code == "DEADLINE_EXCEEDED"


@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_a_write_whose_reply_is_lost_is_made_again_with_one_effect(likeness: System, kind: str) -> None:
    """The shipped service config retries it; the server writes it once."""
    host, _, port = likeness.servers["gateway"].address.rpartition(":")
    async with proxy_to(host, int(port)) as proxy, connected(kind, f"127.0.0.1:{proxy.port}") as call:
        await call("create_collection", call.client._collection, models=["shape"])
        proxy.lose_reply_to(b"written/once")
        (result,) = await call("index", [Entry(PNGS[0], "written/once", attributes={"n": 1})])
        assert proxy.lost.is_set(), "the first attempt was not lost"
        assert result.error is None
        record = await call("get_image", "written/once")
        assert record.create_time == record.update_time
        assert (await call("get_collection", call.client._collection)).image_count == 1
        first = await call("get_image", "written/once")
        proxy.lose_reply_to(b"if/unchanged")
        change = Entry(
            PNGS[0], "written/once", uri="if/unchanged", attributes={"n": 2}, expected_update_time=first.update_time
        )
        (result,) = await call("index", [change], request_id=str(uuid4()))
        assert proxy.lost.is_set(), "the first attempt was not lost"
        assert (result.error, result.outcome) == (None, "UPDATED")
        await call("delete_collection", call.client._collection, force=True)


async def test_a_write_that_expects_another_time_undoes_nothing(call: Caller) -> None:
    await call("index", ENTRIES[:1])
    read = await call("get_image", "p/0")
    for attributes, told in ({"n": 1}, None), ({"n": 2}, {"image": "changed"}):
        change = Entry(PNGS[0], "p/0", attributes=attributes, expected_update_time=read.update_time)
        (result,) = await call("index", [change])
        assert (result.error and result.error.metadata) == told
    ((_, streamed),) = await call("ingest", [change])
    assert streamed.error.reason == "CONFLICT"
    assert (await call("get_image", "p/0")).attributes == {"n": 1}


async def test_arrays_give_the_vectors_of_their_files(call: Caller) -> None:
    await call("index", ENTRIES)
    from_array, from_file = await call("search", PICTURES[3]), await call("search", PNGS[3])
    np.testing.assert_allclose(
        [hit.distance for hit in from_array.hits], [hit.distance for hit in from_file.hits], atol=1e-6
    )
