"""The lists of several models as one, with what each model had to say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from search_service.values import Metric

DEFAULT_K = 60
# One figure, or the figures of many images at once.
Figures = TypeVar("Figures", float, npt.NDArray[np.float64])


class Method(Enum):
    """The rule that gives each image its score; higher is better."""

    RECIPROCAL_RANK = "RECIPROCAL_RANK"
    WEIGHTED_DISTANCE = "WEIGHTED_DISTANCE"


@dataclass(frozen=True, slots=True)
class Fusion:
    """A rule and its numbers; a model that `weights` does not name weighs 1."""

    method: Method = Method.RECIPROCAL_RANK
    weights: Mapping[str, float] = field(default_factory=dict)
    k: int = DEFAULT_K

    def weight(self, model: str) -> float:
        """Return how much a model counts."""
        return self.weights.get(model, 1.0)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An image in one model's list; `rank` counts from 1."""

    image_id: str
    rank: int
    distance: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """One model's list, best first, ties by id."""

    model: str
    metric: Metric
    neighbours: Sequence[Neighbour]


@dataclass(frozen=True, slots=True)
class Contribution:
    """How one model contributed to one fused image; rank 0 where its list lacks the image, at an assumed distance."""

    model: str
    metric: Metric
    rank: int
    distance: float
    weight: float
    score: float


@dataclass(frozen=True, slots=True)
class Fused:
    """An image in the fused list. `distance` and `similarity` are means over the lists that it is in, by weight."""

    image_id: str
    rank: int
    score: float
    distance: float
    similarity: float
    contributions: Sequence[Contribution]


def similarity(distance: float, metric: Metric) -> float:
    """Return the cosine of two unit vectors at this distance: `1 - d^2 / 2` for L2, `1 - d` for COSINE."""
    return 1.0 - distance * distance / 2.0 if metric is Metric.L2 else 1.0 - distance


def fuse(rankings: Sequence[Ranking], fusion: Fusion) -> list[Fused]:
    """Return every image of every list once, best score first, ties by id. One list alone keeps its order."""
    contributions = _contributions(rankings, fusion)
    scored = [(sum(c.score for c in given), image_id, given) for image_id, given in contributions.items()]
    if len(rankings) > 1:
        scored.sort(key=lambda item: (-item[0], item[1]))
    return [_fused(image_id, i + 1, score, given) for i, (score, image_id, given) in enumerate(scored)]


def _contributions(rankings: Sequence[Ranking], fusion: Fusion) -> dict[str, list[Contribution]]:
    """Return by image what each model adds, in the order of the models."""
    # Nothing weighs where only models of weight 0 have answered.
    total = sum(fusion.weight(ranking.model) for ranking in rankings) or 1.0
    found: dict[str, list[Contribution]] = {near.image_id: [] for ranking in rankings for near in ranking.neighbours}
    for ranking in rankings:
        places = {near.image_id: (near.rank, near.distance) for near in ranking.neighbours}
        absent = _absent(ranking, fusion)
        weight = fusion.weight(ranking.model)
        for image_id, given in found.items():
            if place := places.get(image_id, absent):
                score = share(fusion, float(place[0]), place[1], weight, total)
                given.append(Contribution(ranking.model, ranking.metric, *place, weight, score))
    return found


def _absent(ranking: Ranking, fusion: Fusion) -> tuple[int, float] | None:
    """Return the rank and the distance that an image counts with that the list lacks, if it adds anything."""
    if fusion.method is Method.RECIPROCAL_RANK or not ranking.neighbours:
        return None
    return 0, ranking.neighbours[-1].distance


def share(fusion: Fusion, rank: Figures, distance: Figures, weight: float, total: float) -> Figures:
    """Return what one model adds: Cormack, Clarke and Buettcher (SIGIR 2009) for RECIPROCAL_RANK.

    An infinite rank, of an image that the model's list lacks, adds nothing there. `total` is the sum of all weights.
    """
    if fusion.method is Method.RECIPROCAL_RANK:
        return weight / (fusion.k + rank)
    return weight * (1.0 - distance / 2.0) / total


def _fused(image_id: str, rank: int, score: float, given: Sequence[Contribution]) -> Fused:
    found = [contribution for contribution in given if contribution.rank]
    weight = sum(contribution.weight for contribution in found)
    # Models that weigh nothing still found the image: their plain mean says how far it is.
    shares = [contribution.weight / weight if weight else 1 / len(found) for contribution in found]
    distance = sum(share * c.distance for share, c in zip(shares, found, strict=True))
    cosine = sum(share * similarity(c.distance, c.metric) for share, c in zip(shares, found, strict=True))
    return Fused(image_id, rank, score, distance, cosine, given)
