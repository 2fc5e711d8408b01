"""How well vectors find their like among labelled photographs; in plain numpy, to check what the services compute."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Photos:
    """One folder of the shared photographs."""

    contents: list[bytes]
    labels: npt.NDArray[np.str_]
    groups: npt.NDArray[np.str_]
    edits: npt.NDArray[np.str_]


def photos(data: Path, folder: str) -> Photos:
    """Read the photographs below images/`folder`, in the order of labels.csv."""
    with (data / "labels.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["path"].startswith(f"images/{folder}/")]
    columns = {key: np.array([row[key] for row in rows]) for key in ("label", "group", "extra")}
    return Photos([(data / row["path"]).read_bytes() for row in rows], *columns.values())


def similarities(vectors: npt.NDArray[np.float32]) -> Array:
    """Cosines of unit rows, each row's with itself left out of every ranking."""
    cosines: Array = vectors.astype(np.float64) @ vectors.astype(np.float64).T
    np.fill_diagonal(cosines, -np.inf)
    return cosines


def precision_at_1(scores: Array, labels: npt.NDArray[np.str_]) -> float:
    """How often the best of all others has the same label."""
    return float((labels[scores.argmax(1)] == labels).mean())


def mean_average_precision(scores: Array, labels: npt.NDArray[np.str_]) -> float:
    """The mean, over all queries and all their relevant others, of the precision down to that other."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :-1]
    relevant = labels[order] == labels[:, None]
    precision = np.cumsum(relevant, axis=1) / np.arange(1, relevant.shape[1] + 1)
    return float(((precision * relevant).sum(1) / relevant.sum(1)).mean())


def reciprocal_rank_fusion(lists: list[Array], depth: int = 100, k: int = 60) -> Array:
    """Sum 1 / (k + rank) over the lists, each cut off at `depth` (Cormack, Clarke and Buettcher, SIGIR 2009)."""
    ranks = [np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1) + 1 for scores in lists]
    fused: Array = sum((np.where(rank <= depth, 1 / (k + rank), 0) for rank in ranks), np.zeros(lists[0].shape))
    np.fill_diagonal(fused, -np.inf)
    return fused


def near_duplicate_hits(scores: Array, found: Photos) -> float:
    """How often the best other of an original picture is one of its own edits."""
    originals = np.flatnonzero(found.edits == "orig")
    return float((found.groups[scores[originals].argmax(1)] == found.groups[originals]).mean())
