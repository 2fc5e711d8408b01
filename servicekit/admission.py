"""A bound on the calls that are served at once."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from servicekit.errors import Overloaded

_RETRY_AFTER_SECONDS = 0.5


class Admission:
    """Counts the calls in flight and refuses those over the bound."""

    def __init__(self, max_in_flight: int) -> None:
        self._max_in_flight = max_in_flight
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one place while the block runs.

        Raises:
            Overloaded: every place is taken.
        """
        if self._in_flight >= self._max_in_flight:
            raise Overloaded(
                f"{self._in_flight} calls are being served already", retry_after_seconds=_RETRY_AFTER_SECONDS
            )
        self._in_flight += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    async def idle(self) -> None:
        """Return once no place is taken."""
        await self._idle.wait()
