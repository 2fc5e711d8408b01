"""What the search service says of requests that break the rules of its own messages, on either Milvus."""

import secrets
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pytest

from likeness.v1 import embedder_pb2, image_search_pb2, search_pb2, types_pb2
from tests.integration.test_system_writes import refused
from tests.system import System

DIMENSION = 4
PACKED = np.eye(1, DIMENSION, dtype="<f4")[0].tobytes()
SHA256 = "a" * 64


def binding(**options: Any) -> image_search_pb2.ModelBinding:
    return image_search_pb2.ModelBinding(**{"model": "m", "fingerprint": "f", "dimension": DIMENSION, **options})


def embedding(vector: Any = None, **options: Any) -> embedder_pb2.Embedding:
    given = types_pb2.Vector(**(vector or {"float32_le": PACKED}))
    return embedder_pb2.Embedding(**{"model": "m", "fingerprint": "f", "vector": given, **options})


@pytest.fixture(scope="module")
async def collection(likeness: System) -> AsyncIterator[str]:
    name = f"requests-{secrets.token_hex(4)}"
    made = image_search_pb2.Collection(name=name, bindings=[binding()])
    response = await likeness.search.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=made))
    assert response.collection.index.kind in (
        image_search_pb2.IndexParams.KIND_FLAT,
        image_search_pb2.IndexParams.KIND_HNSW,
    )
    yield name
    await likeness.search.DeleteCollection(image_search_pb2.DeleteCollectionRequest(name=name, force=True))


async def fields(call: Any) -> Sequence[str]:
    code, reason, named = await refused(call)
    assert (code, reason) == ("INVALID_ARGUMENT", "INVALID_FIELD")
    return named


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (binding(dimension=1), "dimension"),
        (binding(dimension=32769), "dimension"),
        (binding(fingerprint=""), "fingerprint"),
        (binding(model=""), "model"),
        (binding(model="m" * 300), "model"),
    ],
)
async def test_a_wrong_binding_is_named(
    likeness: System, collection: str, wrong: image_search_pb2.ModelBinding, field: str
) -> None:
    wrong_collection = image_search_pb2.Collection(name="never", bindings=[binding(), wrong])
    if wrong.model == "m":
        wrong_collection.bindings[0].model = "other"
    create = image_search_pb2.CreateCollectionRequest(collection=wrong_collection)
    assert await fields(likeness.search.CreateCollection(create)) == [f"collection.bindings[1].{field}"]
    wrong.model = wrong.model.replace("m", "n")
    add = search_pb2.AddBindingRequest(collection=collection, binding=wrong)
    assert await fields(likeness.search.AddBinding(add)) == [f"binding.{field}"]


QUERIES: list[tuple[dict[str, Any], str]] = [
    ({}, "query"),
    ({"vectors": search_pb2.QueryVectors()}, "vectors.embeddings"),
    ({"vectors": search_pb2.QueryVectors(content_sha256="zz")}, "vectors.content_sha256"),
    (
        {"vectors": search_pb2.QueryVectors(content_sha256="zz", embeddings=[embedding()])},
        "vectors.content_sha256",
    ),
    ({"image_id": ""}, "image_id"),
    *(
        ({"vectors": search_pb2.QueryVectors(embeddings=given)}, field)
        for given, field in [
            ([embedding(), embedding()], "vectors.embeddings"),
            ([embedding({"float32_le": b"odd"})], "vectors.embeddings[0].vector.float32_le"),
            ([embedding({"float32_le": PACKED, "values": [1.0]})], "vectors.embeddings[0].vector"),
            ([embedding(), embedding(dimension=9)], "vectors.embeddings[1].dimension"),
            ([embedding({"values": [1.0]})], "vectors.embeddings"),
        ]
    ),
]


@pytest.mark.parametrize(("query", "field"), QUERIES)
async def test_a_wrong_query_is_named(likeness: System, collection: str, query: dict[str, Any], field: str) -> None:
    search = search_pb2.SearchRequest(collection=collection, **query)
    assert await fields(likeness.search.Search(search)) == [field]
    compare = search_pb2.CompareRequest(collection=collection, **query)
    assert await fields(likeness.search.Compare(compare)) == [field]


@pytest.mark.parametrize(
    ("embeddings", "field"),
    [
        ([embedding(), embedding()], "images[0].embeddings"),
        ([embedding({"float32_le": b"odd"})], "images[0].embeddings[0].vector.float32_le"),
        ([embedding({"float32_le": PACKED, "values": [1.0]})], "images[0].embeddings[0].vector"),
        ([embedding(dimension=9)], "images[0].embeddings[0].dimension"),
    ],
)
async def test_a_wrong_vector_to_write_is_named(
    likeness: System, collection: str, embeddings: list[embedder_pb2.Embedding], field: str
) -> None:
    version = search_pb2.ImageVersion(image_id="a", content_sha256=SHA256)
    image = search_pb2.ImageVectors(version=version, embeddings=embeddings)
    request = search_pb2.UpsertImagesRequest(collection=collection, images=[image])
    assert await fields(likeness.search.UpsertImages(request)) == [field]


async def test_a_vector_of_a_model_that_the_collection_has_not_is_not_read(likeness: System, collection: str) -> None:
    version = search_pb2.ImageVersion(image_id="a", content_sha256=SHA256)
    embeddings = [embedding(dimension=DIMENSION), embedding(model="gone", fingerprint="g")]
    image = search_pb2.ImageVectors(version=version, embeddings=embeddings)
    request = search_pb2.UpsertImagesRequest(collection=collection, images=[image])
    (result,) = (await likeness.search.UpsertImages(request)).results
    assert not result.HasField("error")
