"""Bounds on the calls, and on the streams among them, that are served at once."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from servicekit.errors import Overloaded

_RETRY_AFTER_SECONDS = 0.5


class Admission:
    """Counts the calls in flight and refuses those over the bound.

    Streams last. They have a lower bound of their own, so that they leave places for calls that are soon over.
    """

    def __init__(self, max_in_flight: int, max_streams: int) -> None:
        self.limit = max_in_flight
        self._max_streams = max_streams
        self.in_flight = 0
        self.streams = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._busy = asyncio.Event()

    @contextmanager
    def place(self, *, stream: bool = False) -> Iterator[None]:
        """Hold one place while the block runs.

        Raises:
            Overloaded: every place is taken.
        """
        if self.in_flight >= self.limit:
            raise Overloaded(
                f"{self.in_flight} calls are being served already", retry_after_seconds=_RETRY_AFTER_SECONDS
            )
        if stream and self.streams >= self._max_streams:
            raise Overloaded(
                f"{self.streams} streams are being served already", retry_after_seconds=_RETRY_AFTER_SECONDS
            )
        self.in_flight += 1
        self.streams += stream
        self._idle.clear()
        self._busy.set()
        try:
            yield
        finally:
            self.in_flight -= 1
            self.streams -= stream
            if not self.in_flight:
                self._idle.set()
                self._busy.clear()

    async def idle(self) -> None:
        """Return once no place is taken."""
        await self._idle.wait()

    async def quiet(self, seconds: float) -> None:
        """Return once no place has been taken for so long."""
        while True:
            await self._idle.wait()
            try:
                await asyncio.wait_for(self._busy.wait(), seconds)
            except TimeoutError:
                return
