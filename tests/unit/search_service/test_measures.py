"""Figures of ranked lists against their definitions, written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_service.fusion import Fusion, Method, Neighbour, Ranking, fuse
from search_service.measures import Ranked, Tally, average_precision, fused, ranked
from search_service.values import Metric

COUNT = 12


def a_list(places: list[int], distances: list[float]) -> Ranked:
    return ranked(np.array(places, np.int64), np.array(distances[: len(places)], np.float64))


@given(st.lists(st.booleans(), max_size=30), st.integers(0, 5))
def test_average_precision_is_its_definition(relevant: list[bool], unlisted: int) -> None:
    count = sum(relevant) + unlisted
    if count:
        down_to = [sum(relevant[: rank + 1]) / (rank + 1) for rank, is_relevant in enumerate(relevant) if is_relevant]
        found = average_precision(np.array(relevant, np.bool_), count)
        assert found == pytest.approx(sum(down_to) / count)


def test_average_precision_by_hand() -> None:
    """Of three relevant images, the first and the third place hold one, and the list lacks one."""
    assert average_precision(np.array([True, False, True, False]), 3) == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_a_short_list_is_measured_by_k_and_by_what_there_is_to_find() -> None:
    tally = Tally(4)
    tally.add(np.array([True, False, True]), np.array([0.1, 0.2, 0.6]), 5)
    quality = tally.quality()
    assert (quality.precision_at_k, quality.recall_at_k) == (2 / 4, 2 / 5)
    assert quality.mean_distance_same_label == pytest.approx(0.35)
    assert quality.mean_distance_other_labels == pytest.approx(0.2)
    assert quality.query_count == 1


def test_no_query_is_no_division_by_zero() -> None:
    assert Tally(4).quality().query_count == 0


@given(st.permutations([0.1 * i for i in range(COUNT)]))
def test_the_order_of_the_queries_does_not_change_a_bit(distances: list[float]) -> None:
    forth, back = Tally(3), Tally(3)
    for order, tally in ((distances, forth), (distances[::-1], back)):
        for distance in order:
            tally.add(np.array([distance < 0.5, True, True]), np.array([distance, 0.7, 0.7]), 3)
    assert forth.quality() == back.quality()


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=COUNT, max_size=COUNT), st.permutations(range(COUNT)))
def test_ties_are_broken_by_number(distances: list[float], places: list[int]) -> None:
    pairs = sorted(zip(distances, places, strict=True))
    assert a_list(places, distances).places.tolist() == [place for _, place in pairs]


DISTANCES = st.lists(st.floats(0, 2).map(lambda d: round(d, 2)), min_size=COUNT, max_size=COUNT)
LISTS = st.lists(st.tuples(st.permutations(range(COUNT)), DISTANCES), min_size=1, max_size=3)


@given(LISTS, st.sampled_from(Method), st.integers(1, 100), st.lists(st.floats(0.1, 9), min_size=3, max_size=3))
def test_whole_lists_are_fused_as_a_search_fuses_them(
    lists: list[tuple[list[int], list[float]]], method: Method, k: int, weights: list[float]
) -> None:
    own = [a_list(*each) for each in lists]
    rule = Fusion(method, {f"m{i}": weight for i, weight in enumerate(weights)}, k)
    rankings = [
        Ranking(
            f"m{i}",
            Metric.L2,
            [
                Neighbour(f"{place:02}", rank + 1, float(distance))
                for rank, (place, distance) in enumerate(zip(each.places, each.distances, strict=True))
            ],
        )
        for i, each in enumerate(own)
    ]
    expected = fuse(rankings, rule)
    found = fused(own, weights[: len(own)], rule, COUNT)
    assert [f"{place:02}" for place in found.places] == [hit.image_id for hit in expected]
    assert found.distances.tolist() == pytest.approx([hit.distance for hit in expected])


def test_an_image_that_a_list_lacks_counts_as_at_its_end() -> None:
    both = [a_list([0, 1, 2], [0.2, 0.4, 1.0]), a_list([2, 3], [0.1, 0.6])]
    found = fused(both, [1.0, 1.0], Fusion(Method.WEIGHTED_DISTANCE), 5)
    assert found.places.tolist() == [0, 1, 2, 3]
    assert found.distances.tolist() == pytest.approx(
        [(0.2 + 0.6) / 2, (0.4 + 0.6) / 2, (1.0 + 0.1) / 2, (1.0 + 0.6) / 2]
    )
    by_rank = fused(both, [1.0, 1.0], Fusion(k=60), 5)
    assert by_rank.places.tolist() == [2, 0, 1, 3], "1/63 + 1/61; 1/61; 1/62 twice, by number"
