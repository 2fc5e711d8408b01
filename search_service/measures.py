"""How well ranked lists find images of the query's label.

Definitions as in Manning, Raghavan and Schuetze, "Introduction to Information Retrieval" (2008), sections 8.3 and 8.4.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search_service.fusion import Fusion, share

Places = npt.NDArray[np.int64]
Distances = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranked:
    """Numbers of images, and their distances, both of shape (length,), best first, ties by number."""

    places: Places
    distances: Distances


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over all queries. A mean distance without a pair of images to measure is 0."""

    precision_at_k: float
    recall_at_k: float
    mean_average_precision: float
    mean_distance_same_label: float
    mean_distance_other_labels: float
    query_count: int


class Tally:
    """Gathers one list's figures, query by query; the means do not depend on the order of the queries."""

    def __init__(self, k: int) -> None:
        self._k = k
        self._precision: list[float] = []
        self._recall: list[float] = []
        self._average_precision: list[float] = []
        self._distances: dict[bool, list[float]] = {True: [], False: []}
        self._pairs = {True: 0, False: 0}

    def add(self, relevant: npt.NDArray[np.bool_], distances: Distances, relevant_count: int) -> None:
        """Count one query's list.

        Args:
            relevant: Which images of the list carry the query's label, best first, of shape (length,).
            distances: Their distances to the query, in the same order.
            relevant_count: How many images other than the query carry its label, in the list or not; at least 1.
        """
        found = int(relevant[: self._k].sum())
        self._precision.append(found / self._k)
        self._recall.append(found / relevant_count)
        self._average_precision.append(average_precision(relevant, relevant_count))
        for alike, sums in self._distances.items():
            chosen = distances[relevant == alike]
            sums.append(float(chosen.sum()))
            self._pairs[alike] += chosen.size

    def quality(self) -> Quality:
        """Return the means so far."""
        queries = len(self._precision)
        return Quality(
            precision_at_k=_mean(self._precision, queries),
            recall_at_k=_mean(self._recall, queries),
            mean_average_precision=_mean(self._average_precision, queries),
            mean_distance_same_label=_mean(self._distances[True], self._pairs[True]),
            mean_distance_other_labels=_mean(self._distances[False], self._pairs[False]),
            query_count=queries,
        )


def _mean(values: Sequence[float], count: int) -> float:
    return math.fsum(values) / max(1, count)


def average_precision(relevant: npt.NDArray[np.bool_], relevant_count: int) -> float:
    """Return the mean, over all relevant images, of the precision down to each; 0 for one that the list lacks.

    Equation 8.8 for one query. `relevant` is of shape (length,), best first.
    """
    ranks = np.flatnonzero(relevant) + 1
    return float((np.arange(1, ranks.size + 1) / ranks).sum()) / relevant_count


def ranked(places: Places, distances: Distances) -> Ranked:
    """Return images, given in any order, best first, ties by number."""
    order = np.lexsort((places, distances))
    return Ranked(places[order], distances[order])


def fused(lists: Sequence[Ranked], weights: Sequence[float], rule: Fusion, count: int) -> Ranked:
    """Return several models' lists of the images 0 to `count` - 1 as one, as `fusion.fuse` does with one query's.

    The distance of a fused image is the mean by weight. An image that a list lacks counts with that list's greatest
    distance, the least that it can be.
    """
    if len(lists) == 1:
        return lists[0]
    score, distance, listed = np.zeros(count), np.zeros(count), np.zeros(count, np.bool_)
    for own, weight in zip(lists, weights, strict=True):
        ranks, distances = _spread(own, count)
        score += share(rule, ranks, distances, weight, sum(weights))
        distance += weight * distances / sum(weights)
        listed[own.places] = True
    places = np.flatnonzero(listed)
    order = np.lexsort((places, -score[places]))
    return Ranked(places[order], distance[places[order]])


def _spread(own: Ranked, count: int) -> tuple[Distances, Distances]:
    """Return the rank and the distance of every image, by its number."""
    ranks = np.full(count, np.inf)
    ranks[own.places] = np.arange(1, own.places.size + 1)
    distances = np.full(count, own.distances[-1] if own.distances.size else 0.0)
    distances[own.places] = own.distances
    return ranks, distances
