"""Waiting for something to become true."""

import asyncio
from collections.abc import Callable


class Changes:
    """Wakes those who wait for something to become true."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def announce(self) -> None:
        """Let everybody who waits look again."""
        self._next.set()
        self._next = asyncio.Event()

    async def until(self, true: Callable[[], bool]) -> None:
        """Return once it is true."""
        while not true():
            await self._next.wait()
