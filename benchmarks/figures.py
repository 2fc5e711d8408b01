"""What a measurement gives: a figure, the two sides that it is made of, and the bar that it is held against."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure must reach."""

    bound: float
    at_least: bool

    def met_by(self, value: float) -> bool:
        """Tell whether a figure reaches it."""
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    Args:
        measure: What was measured.
        value: The median of `rounds`.
        unit: Of the value; empty for a ratio.
        ours: What we took or gave, in absolute terms.
        against: The other side, likewise; empty where there is none.
        rounds: The figure of every round.
    """

    measure: str
    value: float
    unit: str
    ours: str
    against: str
    rounds: Sequence[float]
    bar: Bar | None = None


def times(measure: str, ours: Sequence[float], against: Sequence[float], unit: str, bar: Bar | None = None) -> Figure:
    """Return how many times as much `ours` is as `against`, round by round, in the unit that both are in."""
    rounds = [a / b for a, b in zip(ours, against, strict=True)]
    first, second = (f"{median(side):.3g} {unit}" for side in (ours, against))
    return Figure(measure, median(rounds), "", first, second, rounds, bar)


def at_most(bound: float) -> Bar:
    """Return a bar that is met from below."""
    return Bar(bound, at_least=False)


def at_least(bound: float) -> Bar:
    """Return a bar that is met from above."""
    return Bar(bound, at_least=True)


def percentile_ms(seconds: Sequence[float], percent: float) -> float:
    """Return a percentile of durations in seconds, in milliseconds."""
    return float(np.percentile(seconds, percent)) * 1000
