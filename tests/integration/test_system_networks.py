"""EvaluateModels and FindDuplicates on real photographs, through the gateway, with networks that are really trained."""

import time
from collections.abc import AsyncIterator, Sequence
from itertools import combinations
from pathlib import Path

import pytest

from likeness.v1 import image_search_pb2, types_pb2
from tests import embedder_models
from tests.integration.test_system_quality import index, pairs_in_groups, photos
from tests.system import System, system

PATIENCE_SECONDS = 120
# P@1, P@10 and mAP on the Imagenette photographs, from the README of the shared data.
TABLE = {
    "resnet50_w1a2": (0.932, 0.912, 0.818),
    "googlenet": (0.948, 0.930, 0.852),
    "mobilenetv2": (0.942, 0.913, 0.792),
    "squeezenet1.1": (0.862, 0.796, 0.596),
}
LIGHT = ("mobilenetv2", "squeezenet1.1")
HEAVY = ("resnet50_w1a2", "googlenet", "mobilenetv2")
METHODS = {"rank": types_pb2.Fusion.METHOD_RECIPROCAL_RANK, "distance": types_pb2.Fusion.METHOD_WEIGHTED_DISTANCE}


@pytest.fixture(scope="module")
async def networks(
    shared_data: Path, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """The whole system with the four networks beside the built-in models."""
    repository = tmp_path_factory.mktemp("networks")
    for name in embedder_models.NETWORKS:
        embedder_models.write_network(repository, shared_data, name)
    milvus_uri = str(tmp_path_factory.mktemp("networks-milvus") / "lite.db")
    async with system(milvus_uri, redis_url, (repository,)) as running:
        yield running


async def measured(
    networks: System, collection: str, models: Sequence[str], top_k: int, method: str = "rank"
) -> dict[str, image_search_pb2.ModelEvaluation]:
    """Return each model's figures and the fused list's."""
    request = image_search_pb2.EvaluateModelsRequest(
        collection=collection,
        label_attribute="label",
        models=models,
        top_k=top_k,
        fusion=types_pb2.Fusion(method=METHODS[method]),
    )
    started = time.monotonic()
    response = await networks.gateway.EvaluateModels(request, timeout=PATIENCE_SECONDS)
    print(f"{' + '.join(models)}, k = {top_k}: {time.monotonic() - started:.1f} s")
    return {own.model or "fused": own for own in (*response.per_model, response.fused)}


async def retrieve_as_their_table_says(networks: System, collection: str, models: Sequence[str]) -> None:
    first = await measured(networks, collection, models, 1)
    ten = await measured(networks, collection, models, 10)
    for model in models:
        found = (first[model].precision_at_k, ten[model].precision_at_k, ten[model].mean_average_precision)
        print(model, [f"{figure:.4f}" for figure in found])
        assert found == pytest.approx(TABLE[model], abs=0.01)
        assert ten[model].mean_distance_same_label < ten[model].mean_distance_other_labels
        assert ten[model].query_count == 600


async def test_light_networks_retrieve_as_their_table_says(networks: System, shared_data: Path) -> None:
    await index(networks, shared_data, "light", photos(shared_data, "imagenette"), LIGHT)
    await retrieve_as_their_table_says(networks, "light", LIGHT)


async def test_mobilenet_groups_the_edits_of_a_photograph(networks: System, shared_data: Path) -> None:
    album = photos(shared_data, "neardup")
    await index(networks, shared_data, "edits", album, ["mobilenetv2"])
    groups = {photo["path"]: photo["group"] for photo in album}
    precision, recall = await pairs_in_groups(networks, "edits", "mobilenetv2", 0.76, groups)
    assert precision > 0.99
    assert recall > 0.98


@pytest.mark.long
async def test_two_heavy_networks_find_more_together_than_apart(networks: System, shared_data: Path) -> None:
    await index(networks, shared_data, "heavy", photos(shared_data, "imagenette"), HEAVY)
    await retrieve_as_their_table_says(networks, "heavy", HEAVY)
    better = 0
    for pair in combinations(HEAVY, 2):
        by_method = {method: await measured(networks, "heavy", pair, 10, method) for method in METHODS}
        single = max(by_method["rank"][model].mean_average_precision for model in pair)
        fused = {method: found["fused"].mean_average_precision for method, found in by_method.items()}
        print(pair, f"better single {single:.4f}", {method: f"{figure:.4f}" for method, figure in fused.items()})
        better += max(fused.values()) > single
    assert better >= 2
