"""How fresh and how hard a search reads, as a caller of the gateway asks for it."""

import io
import secrets
from collections.abc import AsyncIterator
from typing import Any

import grpc
import numpy as np
import pytest
from PIL import Image

from likeness.v1 import image_search_pb2, types_pb2
from tests.system import System

STRONG = types_pb2.CONSISTENCY_STRONG


def photo(seed: int) -> bytes:
    """Return noise, unlike any other."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
async def collection(likeness: System) -> AsyncIterator[str]:
    name = f"reading-{secrets.token_hex(4)}"
    made = image_search_pb2.Collection(name=name, models=["colour", "shape"])
    await likeness.gateway.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=made))
    entries = [
        image_search_pb2.ImageEntry(image_id=f"photo-{seed}", image=types_pb2.Image(content=photo(seed)))
        for seed in range(3)
    ]
    await likeness.gateway.IndexImages(image_search_pb2.IndexImagesRequest(collection=name, entries=entries))
    yield name
    await likeness.gateway.DeleteCollection(image_search_pb2.DeleteCollectionRequest(name=name, force=True))


def asked(likeness: System, collection: str, call: str, **options: Any) -> Any:
    """Search, or compare, by an image of the collection."""
    request = {
        "SearchImages": image_search_pb2.SearchImagesRequest,
        "CompareModels": image_search_pb2.CompareModelsRequest,
    }[call]
    return getattr(likeness.gateway, call)(request(collection=collection, image_id="photo-1", **options))


@pytest.mark.parametrize("call", ["SearchImages", "CompareModels"])
@pytest.mark.parametrize(
    "options",
    [
        {"consistency": STRONG},
        {"search_params": types_pb2.SearchParams(ef=1, nprobe=1, search_list=1)},
        {"search_params": types_pb2.SearchParams(ef=32768, nprobe=65536, search_list=65535), "consistency": STRONG},
    ],
    ids=str,
)
async def test_a_search_is_as_fresh_and_as_hard_as_asked_for(
    likeness: System, collection: str, call: str, options: dict[str, Any]
) -> None:
    answer = await asked(likeness, collection, call, **options)
    assert [len(hits.hits) for hits in answer.per_model] == [3, 3]
    assert all(hits.hits[0].image_id == "photo-1" for hits in answer.per_model)


@pytest.mark.parametrize("call", ["SearchImages", "CompareModels"])
@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"search_params": types_pb2.SearchParams(ef=32769)}, "search_params.ef"),
        ({"search_params": types_pb2.SearchParams(nprobe=-1)}, "search_params.nprobe"),
        ({"search_params": types_pb2.SearchParams(search_list=65536)}, "search_params.search_list"),
        ({"consistency": 3}, "consistency"),
    ],
    ids=str,
)
async def test_what_is_out_of_bounds_is_refused_by_its_field(
    likeness: System, collection: str, call: str, options: dict[str, Any], field: str
) -> None:
    refused = asked(likeness, collection, call, **options)
    assert await refused.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (await refused.details()).startswith(field)


@pytest.mark.parametrize("kind", ["HNSW_SQ", "IVF_RABITQ"])
async def test_a_kind_that_this_milvus_lacks_is_refused_by_name(likeness: System, kind: str) -> None:
    made = image_search_pb2.Collection(name=f"kind-{secrets.token_hex(4)}")
    made.index.CopyFrom(image_search_pb2.IndexParams(kind=f"KIND_{kind}"))
    call = likeness.gateway.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=made))
    assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
    message = await call.details()
    assert message.startswith("collection.index.kind")
    assert "FLAT" in message
    assert kind in message
