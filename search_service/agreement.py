"""How far two ranked lists agree."""

from bisect import bisect, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

_P = 0.9


@dataclass(frozen=True, slots=True)
class Agreement:
    """Three measures of two lists; `kendall_tau` is None where fewer than two images are in both."""

    overlap_at_k: float
    rank_biased_overlap: float
    kendall_tau: float | None


def agreement(a: Sequence[str], b: Sequence[str], k: int) -> Agreement:
    """Return how far two lists of at most `k` distinct ids agree. Two empty lists agree wholly.

    The overlap is of the places that there are: two short lists of the same images overlap wholly too.
    """
    first, second = set(a[:k]), set(b[:k])
    places = max(len(first), len(second))
    overlap = len(first & second) / places if places else 1.0
    return Agreement(overlap, rank_biased_overlap(a, b), kendall_tau(a, b))


def rank_biased_overlap(a: Sequence[str], b: Sequence[str], p: float = _P) -> float:
    """Return the extrapolated rank-biased overlap, in [0, 1].

    Equation 32 of Webber, Moffat and Zobel, "A similarity measure for indefinite rankings", ACM TOIS 28(4), 2010, which
    also covers lists of unequal length. Two empty lists agree wholly.
    """
    short, long = sorted((a, b), key=len)
    if not short:
        return 1.0 if not long else 0.0
    size_s, size_l = len(short), len(long)
    overlap = _overlaps(short, long)
    at_s, at_l = overlap[size_s - 1], overlap[size_l - 1]
    agreed = sum(overlap[d - 1] / d * p**d for d in range(1, size_l + 1))
    extended = sum(at_s * (d - size_s) / (size_s * d) * p**d for d in range(size_s + 1, size_l + 1))
    tail = ((at_l - at_s) / size_l + at_s / size_s) * p**size_l
    return min(1.0, (1 - p) / p * (agreed + extended) + tail)


def _overlaps(short: Sequence[str], long: Sequence[str]) -> list[int]:
    """Return how many ids the two lists share down to each depth of the longer one."""
    seen: set[str] = set()
    shared = 0
    overlaps = []
    for pair in zip_longest(short, long):
        for image_id in filter(None, pair):
            shared += image_id in seen
            seen.add(image_id)
        overlaps.append(shared)
    return overlaps


def kendall_tau(a: Sequence[str], b: Sequence[str]) -> float | None:
    """Return Kendall's tau of the ids in both lists, in [-1, 1]; None for fewer than two."""
    places = {image_id: place for place, image_id in enumerate(b)}
    order = [places[image_id] for image_id in a if image_id in places]
    if len(order) < 2:  # noqa: PLR2004 a pair
        return None
    concordant = 0
    sorted_so_far: list[int] = []
    for place in order:
        concordant += bisect(sorted_so_far, place)
        insort(sorted_so_far, place)
    return 4 * concordant / (len(order) * (len(order) - 1)) - 1
