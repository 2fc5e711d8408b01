"""Measurements and groups of look-alikes through the gateway, against brute force in numpy, on either Milvus."""

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import pytest
from google.rpc import error_details_pb2, status_pb2
from scipy.sparse.csgraph import connected_components

from likeness.v1 import embedder_pb2, image_search_pb2, types_pb2
from tests.integration.test_system_search import photo
from tests.labelled_retrieval import Array, euclidean, expected, ranks
from tests.system import System

# The last picture stands there twice, and carries no label the second time.
SEEDS = [*range(40), 39]
MODELS = ("colour", "shape")
LABELS: list[Any] = [("tench", "church", 3.0, False)[i * 5 % 9 % 4] for i in range(40)]


@dataclass(frozen=True)
class Album:
    """An indexed collection, and the distances between all of its images, by model."""

    collection: str
    ids: list[str]
    distances: dict[str, Array]


@pytest.fixture(scope="module")
async def album(likeness: System) -> AsyncIterator[Album]:
    name = f"labelled-{secrets.token_hex(4)}"
    collection = image_search_pb2.Collection(name=name, models=MODELS)
    collection.index.kind = image_search_pb2.IndexParams.KIND_FLAT
    await likeness.gateway.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=collection))
    images = [types_pb2.Image(content=photo(seed)) for seed in SEEDS]
    ids = [f"photo/{number:03}" for number in range(len(SEEDS))]
    entries = [image_search_pb2.ImageEntry(image_id=i, image=image) for i, image in zip(ids, images, strict=True)]
    for entry, label in zip(entries, LABELS, strict=False):
        entry.attributes["shows"] = label
    request = image_search_pb2.IndexImagesRequest(collection=name, entries=entries)
    assert not [r for r in (await likeness.gateway.IndexImages(request)).results if r.HasField("error")]
    yield Album(name, ids, await _distances(likeness, images))
    await likeness.gateway.DeleteCollection(image_search_pb2.DeleteCollectionRequest(name=name, force=True))


async def _distances(likeness: System, images: list[types_pb2.Image]) -> dict[str, Array]:
    encoding = types_pb2.VECTOR_ENCODING_FLOAT32_LE
    response = await likeness.embedder.Embed(embedder_pb2.EmbedRequest(images=images, models=MODELS, encoding=encoding))
    rows = zip(*(result.embeddings for result in response.results), strict=True)
    vectors = [np.stack([np.frombuffer(row.vector.float32_le, "<f4") for row in own]) for own in rows]
    return {model: euclidean(own) for model, own in zip(MODELS, vectors, strict=True)}


def among_labelled(distances: Array) -> Array:
    return distances[: len(LABELS), : len(LABELS)]


def request_for(album: Album, **fields: Any) -> image_search_pb2.EvaluateModelsRequest:
    return image_search_pb2.EvaluateModelsRequest(collection=album.collection, label_attribute="shows", **fields)


async def test_models_are_measured_as_by_brute_force(likeness: System, album: Album) -> None:
    response = await likeness.gateway.EvaluateModels(request_for(album), timeout=60)
    assert [own.model for own in response.per_model] == list(MODELS)
    for own in response.per_model:
        by_hand = expected(among_labelled(album.distances[own.model]), [repr(label) for label in LABELS], 10)
        assert vars(by_hand.of(own)) == pytest.approx(vars(by_hand), abs=1e-4)
    counts = (response.labelled_count, response.label_count, response.alone_count, response.fused.query_count)
    assert counts == (len(LABELS), 4, 0, len(LABELS))


@pytest.mark.parametrize("method", ["METHOD_RECIPROCAL_RANK", "METHOD_WEIGHTED_DISTANCE"])
async def test_fusion_is_measured_as_by_brute_force(likeness: System, album: Album, method: str) -> None:
    fusion = types_pb2.Fusion(method=method, weights={"shape": 2.0})
    response = await likeness.gateway.EvaluateModels(request_for(album, fusion=fusion, top_k=3), timeout=60)
    colour, shape = (among_labelled(album.distances[model]) for model in MODELS)
    by_rank = 1 / (60 + ranks(colour)) + 2 / (60 + ranks(shape))
    mean = (colour + 2 * shape) / 3
    scores = by_rank if method == "METHOD_RECIPROCAL_RANK" else -mean
    by_hand = expected(mean, [repr(label) for label in LABELS], 3, scores=scores)
    assert vars(by_hand.of(response.fused)) == pytest.approx(vars(by_hand), abs=1e-4)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.5])
async def test_duplicates_are_the_components_of_all_pairs(
    likeness: System, album: Album, model: str, share: float
) -> None:
    between = album.distances[model]
    pairs = np.sort(between[np.triu_indices(len(SEEDS), 1)])
    place = int(share * (len(pairs) - 1))
    # Halfway to the next pair, so that no rounding decides.
    limit = float(pairs[place] + pairs[place + 1]) / 2 if share else 0.0
    request = image_search_pb2.FindDuplicatesRequest(collection=album.collection, model=model, max_distance=limit)
    found = [list(group.image_ids) async for group in likeness.gateway.FindDuplicates(request, timeout=60)]
    # Equal pictures count as such though two runs of a model may differ in the last bit.
    equal = np.equal.outer(SEEDS, SEEDS)
    assert found == components((between <= limit) | equal, album.ids)


def components(near: npt.NDArray[np.bool_], ids: list[str]) -> list[list[str]]:
    count, numbers = connected_components(near, directed=False)
    members = [[ids[place] for place in np.flatnonzero(numbers == number)] for number in range(count)]
    return sorted(group for group in members if len(group) > 1)


async def reason_of(call: Any) -> tuple[grpc.StatusCode, str]:
    """Return the code and the reason that a call, unary or streaming, ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        _ = [each async for each in call] if hasattr(call, "read") else await call
    return refused.value.code(), _info(refused.value).reason


def _info(error: grpc.aio.AioRpcError) -> Any:
    """Return the ErrorInfo beside a status."""
    packed = dict(error.trailing_metadata() or ())["grpc-status-details-bin"]
    info = error_details_pb2.ErrorInfo()
    status_pb2.Status.FromString(packed).details[0].Unpack(info)
    return info


async def test_errors_have_their_reasons(likeness: System, album: Album) -> None:
    evaluate, find = likeness.gateway.EvaluateModels, likeness.gateway.FindDuplicates
    groups = partial(image_search_pb2.FindDuplicatesRequest, model="colour")
    not_found, invalid = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT
    assert await reason_of(evaluate(request_for(album, models=["none"]))) == (not_found, "MODEL_NOT_FOUND")
    assert await reason_of(evaluate(request_for(album, sample_size=-1))) == (invalid, "INVALID_FIELD")
    assert await reason_of(find(groups(collection="none"))) == (not_found, "COLLECTION_NOT_FOUND")
    far = groups(collection=album.collection, max_distance=2.5)
    assert await reason_of(find(far)) == (invalid, "INVALID_FIELD")
