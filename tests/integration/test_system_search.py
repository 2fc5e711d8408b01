"""Searches through the gateway against brute force in numpy over the embedder's own vectors, on either Milvus."""

import io
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from likeness.v1 import embedder_pb2, image_search_pb2, types_pb2
from tests.system import System

COUNT = 48
MODELS = ("colour", "shape")
Matrix = npt.NDArray[np.float64]


def photo(seed: int) -> bytes:
    """Return a generated picture: a smooth random field, unlike any other."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(small).resize((160, 120), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return buffer.getvalue()


@dataclass(frozen=True)
class Album:
    """An indexed collection and every vector in it, in the order of `ids`."""

    collection: str
    metric: int
    ids: list[str]
    vectors: dict[str, Matrix]

    def distances(self, model: str, query: int) -> Matrix:
        """Return the true distances of all images from one, in float64."""
        vectors = self.vectors[model]
        if self.metric == types_pb2.METRIC_COSINE:
            return np.asarray(1.0 - vectors @ vectors[query])
        return np.asarray(np.sqrt(((vectors - vectors[query]) ** 2).sum(axis=1)))

    def ranked(self, model: str, query: int) -> list[int]:
        """Return all images, nearest first, ties by id."""
        distances = self.distances(model, query)
        return sorted(range(len(self.ids)), key=lambda i: (distances[i], self.ids[i]))


@pytest.fixture(scope="module", params=[types_pb2.METRIC_L2, types_pb2.METRIC_COSINE], ids=["l2", "cosine"])
async def album(likeness: System, request: pytest.FixtureRequest) -> AsyncIterator[Album]:
    name = f"album-{secrets.token_hex(4)}"
    collection = image_search_pb2.Collection(name=name, metric=request.param)
    collection.index.kind = image_search_pb2.IndexParams.KIND_FLAT
    await likeness.gateway.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=collection))
    images = [types_pb2.Image(content=photo(seed)) for seed in range(COUNT)]
    ids = [f"photo/{seed:03}" for seed in range(COUNT)]
    entries = [image_search_pb2.ImageEntry(image_id=i, image=image) for i, image in zip(ids, images, strict=True)]
    for seed, entry in enumerate(entries):
        entry.attributes.update({"seed": seed, "parity": "even" if seed % 2 == 0 else "odd"})
    response = await likeness.gateway.IndexImages(image_search_pb2.IndexImagesRequest(collection=name, entries=entries))
    assert {result.outcome for result in response.results} == {image_search_pb2.IndexResult.OUTCOME_CREATED}
    embedded = await likeness.embedder.Embed(embedder_pb2.EmbedRequest(images=images, models=MODELS))
    vectors = {
        model: np.array([result.embeddings[m].vector.values for result in embedded.results], np.float64)
        for m, model in enumerate(MODELS)
    }
    yield Album(name, request.param, ids, vectors)
    await likeness.gateway.DeleteCollection(image_search_pb2.DeleteCollectionRequest(name=name, force=True))


async def search(likeness: System, album: Album, **options: object) -> image_search_pb2.SearchImagesResponse:
    request = image_search_pb2.SearchImagesRequest(collection=album.collection, **options)  # type: ignore[arg-type]
    response: image_search_pb2.SearchImagesResponse = await likeness.gateway.SearchImages(request)
    return response


@pytest.mark.parametrize("query", [0, 17, 40])
@pytest.mark.parametrize("by_image", [True, False])
async def test_every_models_list_is_brute_force(likeness: System, album: Album, query: int, by_image: bool) -> None:
    what = {"image": types_pb2.Image(content=photo(query))} if by_image else {"image_id": album.ids[query]}
    response = await search(likeness, album, top_k=20, **what)
    assert [hits.model for hits in response.per_model] == list(MODELS)
    for hits in response.per_model:
        order = album.ranked(hits.model, query)[:20]
        assert [hit.image_id for hit in hits.hits] == [album.ids[i] for i in order]
        assert [hit.rank for hit in hits.hits] == list(range(1, 21))
        distances = album.distances(hits.model, query)[order]
        assert [hit.distance for hit in hits.hits] == pytest.approx(distances, abs=1e-4)
        cosines = album.vectors[hits.model][order] @ album.vectors[hits.model][query]
        assert [hit.similarity for hit in hits.hits] == pytest.approx(cosines, abs=1e-4)
        assert hits.hits[0].distance < 1e-3


@pytest.mark.parametrize("weights", [{}, {"colour": 2.5, "shape": 0.5}])
async def test_reciprocal_rank_fusion_is_its_formula(likeness: System, album: Album, weights: dict[str, float]) -> None:
    response = await search(likeness, album, image_id=album.ids[5], top_k=30, fusion=types_pb2.Fusion(weights=weights))
    ranks = {model: {i: r + 1 for r, i in enumerate(album.ranked(model, 5))} for model in MODELS}
    scores = [sum(weights.get(m, 1.0) / (60 + ranks[m][i]) for m in MODELS) for i in range(COUNT)]
    order = sorted(range(COUNT), key=lambda i: (-scores[i], album.ids[i]))[:30]
    assert [hit.image_id for hit in response.hits] == [album.ids[i] for i in order]
    assert [hit.score for hit in response.hits] == pytest.approx([scores[i] for i in order], abs=1e-9)
    for hit, i in zip(response.hits, order, strict=True):
        assert [(c.model, c.rank) for c in hit.contributions] == [(model, ranks[model][i]) for model in MODELS]
        assert sum(c.score for c in hit.contributions) == pytest.approx(hit.score)


async def test_weighted_distance_fusion_is_its_formula(likeness: System, album: Album) -> None:
    method = types_pb2.Fusion.METHOD_WEIGHTED_DISTANCE
    fusion = types_pb2.Fusion(method=method, weights={"shape": 3.0})
    response = await search(likeness, album, image_id=album.ids[9], top_k=10, fusion=fusion)
    shares = 1 - np.stack([album.distances("colour", 9), album.distances("shape", 9)]) / 2
    scores = (shares[0] + 3 * shares[1]) / 4
    order = sorted(range(COUNT), key=lambda i: (-scores[i], album.ids[i]))[:10]
    assert [hit.image_id for hit in response.hits] == [album.ids[i] for i in order]
    assert [hit.score for hit in response.hits] == pytest.approx(scores[order], abs=1e-4)


async def test_one_models_fused_list_is_its_own(likeness: System, album: Album) -> None:
    response = await search(likeness, album, image_id=album.ids[5], models=["shape"])
    (own,) = response.per_model
    assert [(h.image_id, h.distance) for h in response.hits] == [(h.image_id, h.distance) for h in own.hits]


async def test_filters_ranges_and_self(likeness: System, album: Album) -> None:
    odd = types_pb2.Condition(attribute="parity", equals={"string_value": "odd"})
    low = types_pb2.Condition(attribute="seed", range=types_pb2.Range(lt=30))
    both = types_pb2.Filter(
        all_of=types_pb2.FilterList(filters=[types_pb2.Filter(condition=odd), types_pb2.Filter(condition=low)])
    )
    response = await search(
        likeness,
        album,
        image_id=album.ids[7],
        top_k=COUNT,
        filter=both,
        exclude_self=True,
        max_distance=1.0,
        include_attributes=True,
    )
    for hits in response.per_model:
        distances = album.distances(hits.model, 7)
        wanted = [
            album.ids[i]
            for i in album.ranked(hits.model, 7)
            if i % 2 == 1 and i < 30 and i != 7 and distances[i] <= 1.0
        ]
        assert [hit.image_id for hit in hits.hits] == wanted
        assert all(hit.attributes["parity"] == "odd" for hit in hits.hits)


async def test_a_filter_that_tries_to_break_out_is_taken_literally(likeness: System, album: Album) -> None:
    for attribute, value in [('seed" or 1==1 or "', "x"), ("seed", '0" or seed != "'), ("$meta", "x")]:
        condition = types_pb2.Condition(attribute=attribute, equals={"string_value": value})
        response = await search(likeness, album, image_id=album.ids[0], filter=types_pb2.Filter(condition=condition))
        assert not response.hits


async def test_comparing_models_counts_what_they_share(likeness: System, album: Album) -> None:
    request = image_search_pb2.CompareModelsRequest(collection=album.collection, image_id=album.ids[3], top_k=10)
    response = await likeness.gateway.CompareModels(request)
    tops = [set(album.ranked(model, 3)[:10]) for model in MODELS]
    (pair,) = response.agreements
    assert (pair.model_a, pair.model_b) == MODELS
    assert pair.overlap_at_k == pytest.approx(len(tops[0] & tops[1]) / 10)
    assert [hits.model for hits in response.per_model] == list(MODELS)


async def test_timings_add_up(likeness: System, album: Album) -> None:
    timings = (await search(likeness, album, image=types_pb2.Image(content=photo(1)))).timings
    parts = timings.embed.ToNanoseconds() + timings.search.ToNanoseconds()
    assert 0 < parts <= timings.total.ToNanoseconds() + 1000
