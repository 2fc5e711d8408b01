"""Synthetic vectors of unit length in clusters, each made from its number alone: nothing large is kept or sent."""

from functools import cache

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]
# Networks group what is alike. Vectors without groups are all as far apart, which makes an HNSW graph look worse.
_CLUSTERS = 200
_SPREAD = 0.7


def vector(number: int, dimension: int) -> Vector:
    """Return the vector of a number, of shape (dimension,)."""
    noise = np.random.default_rng((1, number)).standard_normal(dimension, np.float32)
    made = _centre(number % _CLUSTERS, dimension) + _SPREAD * noise
    return np.asarray(made / np.linalg.norm(made), np.float32)


@cache
def _centre(cluster: int, dimension: int) -> Vector:
    return np.random.default_rng((0, cluster)).standard_normal(dimension, np.float32)
