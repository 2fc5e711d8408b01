"""An int8 variant of a model, and what it is worth: whether it finds the same neighbours, and how much faster."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from statistics import median

import numpy as np

from embedder_service.model_card import ModelCard
from embedder_service.model_tools import runtime
from embedder_service.ports import Model, Pixels, Vectors
from embedder_service.tensors import InputBuilder

NEIGHBOURS = 10
_ROUNDS = 5
_RUNS = 12
_BATCH = 8


@dataclass(frozen=True, slots=True)
class Worth:
    """What a variant is worth."""

    recall: float
    """Share of each photograph's 10 nearest others that are among its 10 nearest with the variant."""
    cosine: float
    """Mean over the photographs, of their vectors by the two."""
    speed: float
    """How many times faster one picture goes through it, the median of rounds that take turns."""


def make(card: ModelCard, content: bytes, photos: Sequence[Pixels], name: str, method: str) -> tuple[ModelCard, bytes]:
    """Return the card and the file of a variant, calibrated on `photos`.

    Raises:
        ToolError: the graph cannot be quantised.
    """
    build = InputBuilder(card.preprocessing).build
    made = runtime.quantised(content, [build([photo]) for photo in photos], method)
    changes = {"name": name, "onnx_sha256": sha256(made).hexdigest(), "description": f"{card.name} in 8-bit integers"}
    return card.model_copy(update=changes), made


async def compare(original: Model, variant: Model, photos: Sequence[Pixels]) -> Worth:
    """Measure a variant against its original on photographs, at least 11."""
    ours, theirs = await vectors(original, photos), await vectors(variant, photos)
    cosine = float((ours * theirs).sum(axis=1).mean())
    return Worth(recall(ours, theirs), cosine, await _speed(original, variant, photos))


def recall(ours: Vectors, theirs: Vectors) -> float:
    """Return the share of each row's 10 nearest others in `ours` that are so in `theirs` too; rows of length 1."""
    pairs = zip(_nearest(ours), _nearest(theirs), strict=True)
    return float(np.mean([len(set(a) & set(b)) / len(a) for a, b in pairs]))


async def vectors(model: Model, photos: Sequence[Pixels]) -> Vectors:
    """Return a row of length 1 for each photograph."""
    batches = [await model.infer(photos[start : start + _BATCH]) for start in range(0, len(photos), _BATCH)]
    rows = np.concatenate(batches)
    units: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return units


def _nearest(rows: Vectors) -> list[list[int]]:
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    return [[int(place) for place in row] for row in np.argsort(-cosines, axis=1, kind="stable")[:, :NEIGHBOURS]]


async def _speed(original: Model, variant: Model, photos: Sequence[Pixels]) -> float:
    ratios = []
    for _ in range(_ROUNDS):
        slow, fast = await _seconds(original, photos), await _seconds(variant, photos)
        ratios.append(slow / fast)
    return median(ratios)


async def _seconds(model: Model, photos: Sequence[Pixels]) -> float:
    start = time.perf_counter()
    for photo in photos[:_RUNS]:
        await model.infer([photo])
    return time.perf_counter() - start
