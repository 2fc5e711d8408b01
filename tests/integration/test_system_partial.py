"""Searches of a collection some of whose models cannot be searched with, on either Milvus."""

import secrets
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from likeness.v1 import embedder_pb2, image_search_pb2, search_pb2, types_pb2
from tests.integration.test_system_search import photo
from tests.integration.test_system_writes import parts, refused
from tests.system import System

NOT_SERVED, NOT_THE_SAME, NOT_HAD = "ghost", "shape", "late"


@pytest.fixture
async def collection(likeness: System) -> AsyncIterator[str]:
    """One image and four models: as it is served, of another version, not served any more, and not had by the image."""
    name = f"partial-{secrets.token_hex(4)}"
    served = (await likeness.embedder.GetModel(embedder_pb2.GetModelRequest(name="colour"))).model
    made = image_search_pb2.Collection(name=name)
    made.bindings.add(model="colour", fingerprint=served.fingerprint, dimension=served.dimension)
    for model in (NOT_THE_SAME, NOT_SERVED):
        made.bindings.add(model=model, fingerprint="e" * 64, dimension=4)
    await likeness.search.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=made))
    request = search_pb2.UpsertImagesRequest(collection=name)
    image = request.images.add(width_px=160, height_px=120)
    image.version.image_id, image.version.content_sha256 = "a", "1" * 64
    for binding in made.bindings:
        unit = np.eye(1, binding.dimension, dtype="<f4")[0]
        given = image.embeddings.add(model=binding.model, fingerprint=binding.fingerprint)
        given.vector.float32_le = unit.tobytes()
    await likeness.search.UpsertImages(request)
    late = image_search_pb2.ModelBinding(model=NOT_HAD, fingerprint="d" * 64, dimension=4)
    await likeness.search.AddBinding(search_pb2.AddBindingRequest(collection=name, binding=late))
    activate = image_search_pb2.ActivateModelRequest(collection=name, model=NOT_HAD, force=True)
    await likeness.search.ActivateModel(activate)
    yield name
    await likeness.gateway.DeleteCollection(image_search_pb2.DeleteCollectionRequest(name=name, force=True))


def asked(collection: str, **options: Any) -> image_search_pb2.SearchImagesRequest:
    return image_search_pb2.SearchImagesRequest(collection=collection, **options)


def reasons(answer: image_search_pb2.SearchImagesResponse) -> dict[str, str]:
    return {error.model: parts(error.error)[0] for error in answer.model_errors}


async def test_a_picture_is_searched_with_the_models_that_are_left(likeness: System, collection: str) -> None:
    picture = types_pb2.Image(content=photo(1))
    fusion = types_pb2.Fusion(weights={NOT_SERVED: 2.0})
    answer = await likeness.gateway.SearchImages(asked(collection, image=picture, fusion=fusion))
    assert [hit.image_id for hit in answer.hits] == ["a"]
    assert [own.model for own in answer.per_model] == ["colour"]
    missing = dict.fromkeys((NOT_SERVED, NOT_HAD), "MODEL_NOT_FOUND")
    assert reasons(answer) == {NOT_THE_SAME: "MODEL_FINGERPRINT_MISMATCH", **missing}


async def test_an_image_is_searched_with_the_models_that_it_has_vectors_of(likeness: System, collection: str) -> None:
    answer = await likeness.gateway.SearchImages(asked(collection, image_id="a"))
    assert [own.model for own in answer.per_model] == ["colour", NOT_THE_SAME, NOT_SERVED]
    assert reasons(answer) == {NOT_HAD: "INDEX_INCOMPLETE"}


@pytest.mark.parametrize(
    ("model", "code", "reason"),
    [
        (NOT_SERVED, "NOT_FOUND", "MODEL_NOT_FOUND"),
        (NOT_THE_SAME, "FAILED_PRECONDITION", "MODEL_FINGERPRINT_MISMATCH"),
    ],
)
async def test_a_model_that_is_named_or_demanded_fails_the_search(
    likeness: System, collection: str, model: str, code: str, reason: str
) -> None:
    picture = types_pb2.Image(content=photo(1))
    named = asked(collection, image=picture, models=["colour", model])
    assert await refused(likeness.gateway.SearchImages(named)) == (code, reason, [])
    demanded = asked(collection, image=picture, require_all_models=True)
    assert await refused(likeness.gateway.SearchImages(demanded)) == ("NOT_FOUND", "MODEL_NOT_FOUND", [])
    compared = image_search_pb2.CompareModelsRequest(collection=collection, image=picture)
    assert await refused(likeness.gateway.CompareModels(compared)) == ("NOT_FOUND", "MODEL_NOT_FOUND", [])
    lacked: tuple[str, str, list[str]] = ("FAILED_PRECONDITION", "INDEX_INCOMPLETE", [])
    for request in (
        asked(collection, image_id="a", models=["colour", NOT_HAD]),
        asked(collection, image_id="a", require_all_models=True),
    ):
        assert await refused(likeness.gateway.SearchImages(request)) == lacked
