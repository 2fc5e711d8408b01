"""Calls made again while a server is away for longer than the channel's own retries last."""

import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from likeness.errors import LikenessError

# CANCELLED too, as in the policy that is shipped: a server that goes ends calls with it that have only just come.
RETRYABLE = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"})
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 5.0
Result = TypeVar("Result")


class Patience:
    """How long one piece of work is tried again: for `seconds` from a failure on, without progress."""

    def __init__(self, seconds: float, cancelled: threading.Event, waiting: Callable[[], None] = lambda: None) -> None:
        """Give up early once `cancelled` is set; call `waiting` before each wait."""
        self._seconds = seconds
        self._cancelled = cancelled
        self._waiting = waiting
        self.renew()

    def renew(self) -> None:
        """Begin anew: some of the work is done."""
        self._give_up_at: float | None = None
        self._wait_seconds = _FIRST_WAIT_SECONDS

    def wait(self) -> bool:
        """Wait before another attempt, longer each time; return False where there is to be none."""
        now = time.monotonic()
        self._give_up_at = now + self._seconds if self._give_up_at is None else self._give_up_at
        left = self._give_up_at - now
        if left <= 0 or self._cancelled.is_set():
            return False
        self._waiting()
        # Spread out, so that the callers that lost a server do not all come back at once.
        self._cancelled.wait(min(left, self._wait_seconds * random.uniform(0.5, 1.0)))  # noqa: S311 no secret
        self._wait_seconds = min(_LONGEST_WAIT_SECONDS, 2 * self._wait_seconds)
        return not self._cancelled.is_set()


def call(method: Callable[[], Result], patience: Patience) -> Result:
    """Call until it succeeds, fails for good, or patience ends.

    Raises:
        LikenessError: what the last attempt ended with.
    """
    while True:
        try:
            return method()
        except LikenessError as error:
            if error.code not in RETRYABLE or not patience.wait():
                raise
