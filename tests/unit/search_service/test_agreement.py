"""Agreement against scipy, and against the definition summed far out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from search_service.agreement import agreement, kendall_tau, rank_biased_overlap

RANKINGS = st.lists(st.integers(0, 25).map(str), unique=True, max_size=20)


@given(RANKINGS, RANKINGS)
def test_kendall_tau_is_scipys(a: list[str], b: list[str]) -> None:
    shared = [image_id for image_id in a if image_id in b]
    if len(shared) < 2:
        assert kendall_tau(a, b) is None
    else:
        expected = stats.kendalltau(range(len(shared)), [b.index(image_id) for image_id in shared]).statistic
        assert kendall_tau(a, b) == pytest.approx(expected)


@given(st.permutations([str(i) for i in range(12)]), st.integers(1, 12), st.floats(0.1, 0.95))
def test_extrapolation_goes_on_at_the_agreement_of_the_last_depth(order: list[str], depth: int, p: float) -> None:
    a, b = [str(i) for i in range(12)][:depth], order[:depth]
    agreed = [len(set(a[: d + 1]) & set(b[: d + 1])) / (d + 1) for d in range(depth)]
    # The measure is (1 - p) * sum of p^(d-1) * agreement at d, to infinity: 3,000 terms leave nothing out.
    series = [agreed[min(d, depth - 1)] * p**d for d in range(3000)]
    assert rank_biased_overlap(a, b, p) == pytest.approx((1 - p) * sum(series))


@given(RANKINGS.filter(len), RANKINGS.filter(len), st.floats(0.1, 0.95))
def test_a_shorter_list_is_taken_to_go_on_as_it_began(a: list[str], b: list[str], p: float) -> None:
    """Beyond its end its share of hits stays what it was; beyond the longer one's end the agreement does."""
    short, long = sorted((a, b), key=len)
    ended = len(set(short) & set(long[: len(short)])) / len(short)
    agreed = []
    for depth in range(1, len(long) + 1):
        beyond = max(0, depth - len(short))
        agreed.append((len(set(short[:depth]) & set(long[:depth])) + beyond * ended) / depth)
    series = [agreed[min(d, len(long) - 1)] * p**d for d in range(3000)]
    assert rank_biased_overlap(a, b, p) == pytest.approx(min(1.0, (1 - p) * sum(series)))


@given(RANKINGS, RANKINGS, st.integers(1, 30))
def test_overlap_is_the_share_of_places_that_both_fill_alike(a: list[str], b: list[str], k: int) -> None:
    assert agreement(a, b, k).overlap_at_k == sum(image_id in b[:k] for image_id in a[:k]) / k


@given(RANKINGS, RANKINGS)
def test_overlap_of_any_two_lists_is_symmetric_and_in_bounds(a: list[str], b: list[str]) -> None:
    assert 0.0 <= rank_biased_overlap(a, b) <= 1.0
    assert rank_biased_overlap(a, b) == pytest.approx(rank_biased_overlap(b, a))


def test_the_papers_uneven_example() -> None:
    """A list that is a prefix of the other, extrapolated at full agreement, agrees wholly."""
    assert rank_biased_overlap(list("abc"), list("abcdefg")) == pytest.approx(1.0)


def test_equal_and_disjoint_lists() -> None:
    same = agreement(list("abc"), list("abc"), 3)
    assert (same.overlap_at_k, same.rank_biased_overlap, same.kendall_tau) == pytest.approx((1.0, 1.0, 1.0))
    apart = agreement(list("abc"), list("xyz"), 3)
    assert (apart.overlap_at_k, apart.rank_biased_overlap, apart.kendall_tau) == (0.0, 0.0, None)
    assert rank_biased_overlap([], []) == 1.0
    assert rank_biased_overlap([], ["a"]) == 0.0
