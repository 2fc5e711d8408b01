"""Numbers that nobody was given before."""

import itertools
from collections.abc import Iterable

import numpy as np


class Draw:
    """Deals out numbers, each once as long as there are any, then all of them again in the same order."""

    def __init__(self, numbers: Iterable[int]) -> None:
        self._numbers = itertools.cycle(numbers)

    def take(self, count: int) -> list[int]:
        """Return the next so many."""
        return list(itertools.islice(self._numbers, count))


def shuffled(images: int) -> Draw:
    """Return the numbers below `images` in an order of no meaning, the same in every run."""
    return Draw(np.random.default_rng(0).permutation(images).tolist())


def fresh() -> Draw:
    """Return numbers without end."""
    return Draw(itertools.count())
