"""Whether a part is worth calling: one that failed its check is left alone until it passes one."""

import time


class Breaker:
    """Opens when a check fails and no call has been answered since that check began, closes at any answer.

    So a check that was slow because the part is busy with calls stops none of them.
    """

    def __init__(self) -> None:
        self.is_open = False
        self._answered = float("-inf")

    def answered(self) -> None:
        """Note that the part has answered."""
        self.is_open = False
        self._answered = time.monotonic()

    def failed(self, since: float) -> None:
        """Note that a check failed that began at `since`, in seconds of the monotonic clock."""
        self.is_open = self._answered < since
