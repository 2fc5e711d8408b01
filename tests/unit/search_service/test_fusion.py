"""Fusion against sums written out by hand from the definitions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_service.fusion import Fusion, Method, Neighbour, Ranking, fuse, similarity
from search_service.values import Metric


def ranking(model: str, *ids: str, step: float = 0.1, metric: Metric = Metric.L2) -> Ranking:
    return Ranking(model, metric, [Neighbour(image_id, i + 1, (i + 1) * step) for i, image_id in enumerate(ids)])


LISTS = st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8), min_size=2, max_size=4)


@given(LISTS, st.integers(1, 200), st.lists(st.floats(0.01, 10), min_size=4, max_size=4))
def test_reciprocal_rank_is_the_sum_of_weighted_reciprocals(
    lists: list[list[str]], k: int, weights: list[float]
) -> None:
    names = [f"m{i}" for i in range(len(lists))]
    rule = Fusion(weights=dict(zip(names, weights, strict=False)), k=k)
    fused = fuse([ranking(name, *ids) for name, ids in zip(names, lists, strict=True)], rule)
    expected = {
        image_id: sum(weights[m] / (k + ids.index(image_id) + 1) for m, ids in enumerate(lists) if image_id in ids)
        for image_id in {image_id for ids in lists for image_id in ids}
    }
    assert {hit.image_id: hit.score for hit in fused} == pytest.approx(expected)
    assert [hit.score for hit in fused] == sorted((hit.score for hit in fused), reverse=True)
    assert [hit.rank for hit in fused] == list(range(1, len(fused) + 1))


def test_reciprocal_rank_by_hand() -> None:
    fused = fuse([ranking("a", "x", "y"), ranking("b", "y", "z")], Fusion(weights={"b": 2.0}))
    assert [hit.image_id for hit in fused] == ["y", "z", "x"]
    assert fused[0].score == pytest.approx(1 / 62 + 2 / 61)
    assert [(c.model, c.rank, c.weight) for c in fused[0].contributions] == [("a", 2, 1.0), ("b", 1, 2.0)]
    assert fused[0].distance == pytest.approx((1 * 0.2 + 2 * 0.1) / 3)


def test_weighted_distance_by_hand() -> None:
    rule = Fusion(Method.WEIGHTED_DISTANCE, {"a": 3.0})
    fused = {hit.image_id: hit.score for hit in fuse([ranking("a", "x", "y"), ranking("b", "y", step=0.5)], rule)}
    assert fused["y"] == pytest.approx((3 * (1 - 0.2 / 2) + 1 * (1 - 0.5 / 2)) / 4)
    # `x` is missing from b's list, so it counts there with that list's greatest distance.
    assert fused["x"] == pytest.approx((3 * (1 - 0.1 / 2) + 1 * (1 - 0.5 / 2)) / 4)


def test_ties_are_broken_by_id() -> None:
    assert [hit.image_id for hit in fuse([ranking("a", "z"), ranking("b", "c")], Fusion())] == ["c", "z"]


@pytest.mark.parametrize("method", Method)
def test_one_list_keeps_its_order(method: Method) -> None:
    only = Ranking("a", Metric.COSINE, [Neighbour(i, n + 1, 0.3) for n, i in enumerate("zyx")])
    fused = fuse([only], Fusion(method, {"a": 0.5}))
    assert [(hit.image_id, hit.rank, hit.distance) for hit in fused] == [("z", 1, 0.3), ("y", 2, 0.3), ("x", 3, 0.3)]


@given(LISTS, st.sampled_from(Method), st.lists(st.sampled_from([0.0, 0.5, 3.0]), min_size=4, max_size=4))
def test_contributions_add_up_to_the_score(lists: list[list[str]], method: Method, weights: list[float]) -> None:
    names = [f"m{i}" for i in range(len(lists))]
    rule = Fusion(method, dict(zip(names, weights, strict=False)))
    for hit in fuse([ranking(name, *ids) for name, ids in zip(names, lists, strict=True)], rule):
        assert sum(c.score for c in hit.contributions) == pytest.approx(hit.score)
        assert [c.model for c in hit.contributions] == sorted(c.model for c in hit.contributions)


def test_a_list_that_lacks_an_image_contributes_its_greatest_distance_and_no_part_of_the_mean() -> None:
    rule = Fusion(Method.WEIGHTED_DISTANCE, {"a": 3.0})
    lists = [ranking("a", "x", "y"), ranking("b", "y", step=0.5), ranking("c")]
    lacking = next(hit for hit in fuse(lists, rule) if hit.image_id == "x")
    assert [(c.model, c.rank, c.distance, c.weight) for c in lacking.contributions] == [
        ("a", 1, 0.1, 3.0),
        ("b", 0, 0.5, 1.0),
    ]
    assert lacking.contributions[1].score == pytest.approx((1 - 0.5 / 2) / 5)
    assert (lacking.distance, lacking.similarity) == pytest.approx((0.1, 1 - 0.1**2 / 2))


def test_what_only_a_model_of_no_weight_found_comes_last_at_its_plain_distance() -> None:
    fused = fuse([ranking("a", "z"), ranking("b", "y", step=1.8)], Fusion(weights={"b": 0.0}))
    assert [(hit.image_id, hit.score, hit.distance) for hit in fused] == [("z", 1 / 61, 0.1), ("y", 0.0, 1.8)]


@pytest.mark.parametrize("method", Method)
def test_a_list_of_no_weight_alone_keeps_its_order(method: Method) -> None:
    alone = fuse([ranking("b", "y", "x", step=0.2)], Fusion(method, {"b": 0.0}))
    assert [(hit.image_id, hit.score, hit.distance) for hit in alone] == [("y", 0.0, 0.2), ("x", 0.0, 0.4)]


def test_empty_lists_fuse_to_nothing() -> None:
    assert fuse([ranking("a"), ranking("b")], Fusion()) == []


def test_similarity_is_the_cosine() -> None:
    assert similarity(2**0.5, Metric.L2) == pytest.approx(0.0)
    assert similarity(2.0, Metric.L2) == pytest.approx(-1.0)
    assert similarity(0.25, Metric.COSINE) == pytest.approx(0.75)
