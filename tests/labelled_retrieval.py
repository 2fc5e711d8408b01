"""How well rankings find their like, by definitions spelled out query by query, to check what the services compute."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass
class Expected:
    """Means over all queries; see `likeness.v1.ModelEvaluation`."""

    precision_at_k: float
    recall_at_k: float
    mean_average_precision: float
    mean_distance_same_label: float
    mean_distance_other_labels: float
    query_count: int

    def of(self, measured: object) -> "Expected":
        """Return the same figures of another object, to compare with."""
        return Expected(**{field.name: getattr(measured, field.name) for field in fields(self)})


def expected(
    distances: Array, labels: Sequence[object], k: int, *, scores: Array | None = None, queries: Sequence[int] = ()
) -> Expected:
    """Measure leave-one-out.

    Args:
        distances: Of every image to every other, of shape (n, n).
        labels: The n labels.
        k: Length of the short lists.
        scores: What to rank by, highest first; by default the distances, lowest first. Ties are broken by number.
        queries: The images to search with; by default all whose label another one carries.
    """
    rank_by = distances if scores is None else -scores
    count = len(labels)
    wanted = list(queries) or [q for q in range(count) if sum(label == labels[q] for label in labels) > 1]
    precisions, recalls, averages = [], [], []
    same: list[float] = []
    other: list[float] = []
    for query in wanted:
        order = sorted((i for i in range(count) if i != query), key=lambda i: (rank_by[query, i], i))
        alike = [labels[i] == labels[query] for i in order]
        found = sum(alike[:k])
        precisions.append(found / k)
        recalls.append(found / sum(alike))
        at_each = [sum(alike[: rank + 1]) / (rank + 1) for rank, is_alike in enumerate(alike) if is_alike]
        averages.append(sum(at_each) / len(at_each))
        for i, is_alike in zip(order, alike, strict=True):
            (same if is_alike else other).append(float(distances[query, i]))
    near, far = _mean(same), _mean(other)
    return Expected(_mean(precisions), _mean(recalls), _mean(averages), near, far, len(wanted))


def _mean(figures: Sequence[float]) -> float:
    return float(np.mean(figures)) if figures else 0.0


def euclidean(vectors: npt.NDArray[np.float32]) -> Array:
    """Distances of unit rows, of shape (n, n)."""
    wide = vectors.astype(np.float64)
    squares: Array = ((wide[:, None, :] - wide[None, :, :]) ** 2).sum(axis=2)
    return np.sqrt(squares)


def ranks(distances: Array) -> Array:
    """Rank from 1 of every image in every other one's list, itself left out; ties by number."""
    count = len(distances)
    result = np.zeros((count, count))
    for query in range(count):
        order = sorted((i for i in range(count) if i != query), key=lambda i: (distances[query, i], i))
        result[query, order] = np.arange(1, count)
    return result
