"""Measurements over the stores' twins, against a brute force over the vectors themselves."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from search_service.evaluation import Evaluator, Trial
from search_service.fusion import Fusion, Method
from search_service.ports import CollectionNotFound, ModelNotFound
from search_service.survey import Survey
from search_service.values import Metric
from servicekit.errors import BackendUnavailable, InvalidField
from tests.labelled_retrieval import Array, euclidean, expected, ranks
from tests.unit.search_service.conftest import DIMENSIONS, Core, new_image, vector_of

COUNT = 30
# A number and a bool that Python holds for equal are labels apart, and no other image carries the last one.
LABELS = [*(["tench", "church", 1.0, True][i * 7 % 11 % 4] for i in range(COUNT - 1)), "alone"]
# Every content is there twice, so that lists are full of ties.
SEEDS = [i // 2 for i in range(COUNT)]
TRIAL = Trial("c", "shows", top_k=7)


@pytest.fixture
async def filled(core: Core) -> Core:
    await core.put(*(new_image(f"x{i:02}", SEEDS[i], shows=LABELS[i]) for i in range(COUNT)))
    return core


@pytest.fixture
def evaluator(core: Core) -> Evaluator:
    return Evaluator(Survey(core.records, core.vectors, at_once=3))


def distances(model: str, seeds: Sequence[int] = SEEDS) -> Array:
    return euclidean(np.stack([vector_of(model, seed).vector for seed in seeds]))


def spelled(labels: Sequence[object] = LABELS) -> list[str]:
    return [repr(label) for label in labels]


async def test_each_model_is_measured_as_by_brute_force(filled: Core, evaluator: Evaluator) -> None:
    found = await evaluator.evaluate(TRIAL)
    assert list(found.per_model) == list(DIMENSIONS)
    for model, quality in found.per_model.items():
        by_hand = expected(distances(model), spelled(), 7)
        assert by_hand.query_count == COUNT - 1
        assert vars(by_hand.of(quality)) == pytest.approx(vars(by_hand))
    assert (found.labelled_count, found.label_count, found.alone_count) == (COUNT, 5, 1)


@pytest.mark.parametrize("weights", [{}, {"a": 3.0, "b": 0.5}, {"a": 0.0}])
@pytest.mark.parametrize("method", Method)
async def test_the_fused_list_is_measured_as_by_brute_force(
    filled: Core, evaluator: Evaluator, method: Method, weights: dict[str, float]
) -> None:
    found = await evaluator.evaluate(replace(TRIAL, fusion=Fusion(method, weights, 5)))
    a, b = (weights.get(model, 1.0) for model in "ab")
    near, far = distances("a"), distances("b")
    scores = (
        a / (5 + ranks(near)) + b / (5 + ranks(far))
        if method is Method.RECIPROCAL_RANK
        else a * (1 - near / 2) / (a + b) + b * (1 - far / 2) / (a + b)
    )
    by_hand = expected((a * near + b * far) / (a + b), spelled(), 7, scores=scores)
    assert vars(by_hand.of(found.fused)) == pytest.approx(vars(by_hand))


async def test_one_model_alone_is_its_own_fused_list(filled: Core, evaluator: Evaluator) -> None:
    found = await evaluator.evaluate(replace(TRIAL, models=["b"]))
    assert found.fused == found.per_model["b"]


async def test_cosine_collections_are_measured_by_their_own_distance(core: Core, evaluator: Evaluator) -> None:
    await core.create("angles", Metric.COSINE)
    await core.writer.upsert("angles", [new_image(f"x{i:02}", i, shows=LABELS[i]) for i in range(COUNT)])
    found = await evaluator.evaluate(replace(TRIAL, collection="angles"))
    by_hand = expected(distances("a", range(COUNT)) ** 2 / 2, spelled(), 7)
    assert vars(by_hand.of(found.per_model["a"])) == pytest.approx(vars(by_hand), abs=1e-6)


async def test_images_without_a_label_take_no_part(filled: Core, evaluator: Evaluator) -> None:
    before = await evaluator.evaluate(TRIAL)
    bare: list[dict[str, object]] = [
        {},
        {"shows": None},
        {"shows": ["tench"]},
        {"shows": {"a": 1.0}},
        {"other": "tench"},
    ]
    await filled.put(*(new_image(f"bare-{i}", i, **attributes) for i, attributes in enumerate(bare)))
    assert await evaluator.evaluate(TRIAL) == before


async def test_rows_that_no_record_names_take_no_part(filled: Core, evaluator: Evaluator) -> None:
    before = await evaluator.evaluate(TRIAL)
    for seed in (50, 51, SEEDS[3]):
        await filled.put(new_image("x03", seed, shows=LABELS[3]))
    await filled.put(new_image("deleted", 3, shows="tench"))
    await filled.images.delete("c", ["deleted"], None, force=False)
    assert await evaluator.evaluate(TRIAL) == before


async def test_a_sample_follows_from_its_seed(filled: Core, evaluator: Evaluator) -> None:
    sampled = [await evaluator.evaluate(replace(TRIAL, sample_size=5, seed=seed)) for seed in (7, 7, -8, 9, 10)]
    assert sampled[0] == sampled[1]
    assert len({each.fused.mean_average_precision for each in sampled}) > 1
    assert {each.fused.query_count for each in sampled} == {5}
    singles = {
        expected(distances("a"), spelled(), 7, queries=[query]).mean_average_precision for query in range(COUNT - 1)
    }
    one = await evaluator.evaluate(replace(TRIAL, sample_size=1, seed=3))
    assert any(one.per_model["a"].mean_average_precision == pytest.approx(single) for single in singles)


async def test_a_sample_larger_than_there_are_images_is_all(filled: Core, evaluator: Evaluator) -> None:
    assert await evaluator.evaluate(replace(TRIAL, sample_size=10_000)) == await evaluator.evaluate(TRIAL)


async def test_an_image_that_is_deleted_meanwhile_is_neither_searched_with_nor_found(
    filled: Core, evaluator: Evaluator, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = filled.vectors.count

    async def overtaken(space: str) -> int:
        for rows in filled.vectors.spaces.values():
            for key in [key for key in rows if key.image_id == "x03"]:
                del rows[key]
        return await count(space)

    monkeypatch.setattr(filled.vectors, "count", overtaken)
    found = await evaluator.evaluate(TRIAL)
    assert found.fused.query_count == COUNT - 2
    # Its label was read, so that it counts as one that was there to find.
    assert found.fused.recall_at_k < 1.0


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        (replace(TRIAL, label_attribute=""), "label_attribute"),
        (replace(TRIAL, label_attribute="nothing"), "label_attribute"),
        (replace(TRIAL, top_k=-1), "top_k"),
        (replace(TRIAL, top_k=1001), "top_k"),
        (replace(TRIAL, sample_size=-1), "sample_size"),
        (replace(TRIAL, models=["a", "a"]), "models"),
        (replace(TRIAL, fusion=Fusion(weights={"c": 1.0})), "fusion.weights"),
        (replace(TRIAL, models=["a"], fusion=Fusion(weights={"a": 0.0})), "fusion.weights"),
    ],
)
async def test_a_wrong_request_names_its_field(filled: Core, evaluator: Evaluator, wrong: Trial, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        await evaluator.evaluate(wrong)
    assert refused.value.violations[0].field == field


async def test_what_is_not_there_is_not_found(filled: Core, evaluator: Evaluator) -> None:
    with pytest.raises(CollectionNotFound):
        await evaluator.evaluate(replace(TRIAL, collection="none"))
    with pytest.raises(ModelNotFound):
        await evaluator.evaluate(replace(TRIAL, models=["none"]))


async def test_a_model_that_cannot_be_searched_fails_the_whole(filled: Core, evaluator: Evaluator) -> None:
    filled.vectors.down = {list(filled.vectors.spaces)[1]}
    with pytest.raises(BackendUnavailable):
        await evaluator.evaluate(TRIAL)
