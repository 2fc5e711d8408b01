"""Answers through the gateway to a caller who takes what gRPC takes by default, on either Milvus."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import grpc
import numpy as np
import pytest

from likeness.v1 import image_search_pb2, image_search_pb2_grpc, search_pb2
from tests.integration.test_system_writes import refused
from tests.system import System

COUNT = 1000
BATCH = 50


@pytest.fixture(scope="module")
async def album(likeness: System) -> AsyncIterator[str]:
    """A thousand images, each as large in attributes and uri as it may be, written without being embedded."""
    name = f"sizes-{secrets.token_hex(4)}"
    wanted = image_search_pb2.CreateCollectionRequest(collection=image_search_pb2.Collection(name=name))
    made = (await likeness.gateway.CreateCollection(wanted)).collection
    batches = [range(start, start + BATCH) for start in range(0, COUNT, BATCH)]
    await asyncio.gather(*(likeness.search.UpsertImages(written(made, batch)) for batch in batches))
    yield name
    await likeness.gateway.DeleteCollection(image_search_pb2.DeleteCollectionRequest(name=name, force=True))


def written(collection: image_search_pb2.Collection, numbers: range) -> search_pb2.UpsertImagesRequest:
    request = search_pb2.UpsertImagesRequest(collection=collection.name)
    for i in numbers:
        image = request.images.add(width_px=1, height_px=1)
        image.version.image_id, image.version.content_sha256 = f"x{i:04}", f"{i:064x}"
        image.version.uri = "file:///" + "u" * 1992
        image.version.attributes.update({"text": "y" * 16_000})
        for binding in collection.bindings:
            vector = np.random.default_rng([i, binding.dimension]).normal(size=binding.dimension)
            given = image.embeddings.add(model=binding.model, fingerprint=binding.fingerprint)
            given.vector.float32_le = (vector / np.linalg.norm(vector)).astype("<f4").tobytes()
    return request


@pytest.fixture
async def caller(likeness: System) -> AsyncIterator[Any]:
    """A caller who has set nothing."""
    async with grpc.aio.insecure_channel(likeness.servers["gateway"].address) as channel:
        yield image_search_pb2_grpc.ImageSearchServiceStub(channel)


async def test_the_longest_list_of_the_largest_images_is_refused_with_the_length_that_fits(
    caller: Any, album: str
) -> None:
    def asked(top_k: int) -> image_search_pb2.SearchImagesRequest:
        return image_search_pb2.SearchImagesRequest(
            collection=album, image_id="x0000", top_k=top_k, include_attributes=True
        )

    assert await refused(caller.SearchImages(asked(COUNT))) == ("INVALID_ARGUMENT", "INVALID_FIELD", ["top_k"])
    answer = await caller.SearchImages(asked(70))
    assert [len(each.hits) for each in (answer, *answer.per_model)] == [70, 70, 70]


async def test_a_comparison_of_the_longest_lists_is_refused_and_a_shorter_one_is_not(caller: Any, album: str) -> None:
    def asked(top_k: int) -> image_search_pb2.CompareModelsRequest:
        return image_search_pb2.CompareModelsRequest(collection=album, image_id="x0000", top_k=top_k)

    assert await refused(caller.CompareModels(asked(COUNT))) == ("INVALID_ARGUMENT", "INVALID_FIELD", ["top_k"])
    assert [len(each.hits) for each in (await caller.CompareModels(asked(900))).per_model] == [900, 900]


async def test_a_page_of_the_largest_images_is_shorter(caller: Any, album: str) -> None:
    request = image_search_pb2.ListImagesRequest(collection=album, page_size=COUNT)
    page = await caller.ListImages(request)
    assert 200 < len(page.images) < COUNT
    assert page.next_page_token
