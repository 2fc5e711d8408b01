"""What growth comes to beyond what was measured."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.growth import Size

# A graph is walked in about log n steps, a list is read from end to end.
_SHAPES: dict[str, Callable[[float], float]] = {"HNSW": np.log, "FLAT": float}


@dataclass(frozen=True)
class Trend:
    """A least-squares line through measured sizes."""

    constant: float
    slope: float
    shape: Callable[[float], float] = float

    def at(self, images: float) -> float:
        """Return the value at so many images."""
        return self.constant + self.slope * self.shape(images)


def of_search(sizes: Sequence[Size]) -> Trend:
    """Return the p50 of searches, in milliseconds, of one kind of index."""
    shape = _SHAPES[sizes[0].kind]
    return _through([size.images for size in sizes], [size.search_ms for size in sizes], shape)


def of_bytes(sizes: Sequence[Size], part: str) -> Trend:
    """Return what a part of the footprint is, in bytes: its slope is the bytes an image."""
    return _through([size.images for size in sizes], [getattr(size.footprint, part) for size in sizes], float)


def _through(images: Sequence[int], values: Sequence[float], shape: Callable[[float], float]) -> Trend:
    slope, constant = np.polyfit([shape(count) for count in images], values, 1)
    return Trend(float(constant), float(slope), shape)
