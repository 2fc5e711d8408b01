"""Calls of a library that blocks, on threads, within the caller's time."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from servicekit import deadline

Result = TypeVar("Result")
# Threads give up this long after the call that waits for them, so that the caller's own deadline speaks first.
_MOMENT_SECONDS = 0.1


class Budget:
    """The time that a blocking call has; it may be asked on any thread."""

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: none are.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


class Threads:
    """A bounded number of threads.

    Whoever waits for a call stops when its time is over; the thread ends the call by the budget that it was given.
    """

    def __init__(self, name: str, count: int, timeout_seconds: float) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix=name)
        self._timeout = timeout_seconds

    async def run(self, call: Callable[[Budget], Result]) -> Result:
        """Return what `call` returns, on a thread.

        Raises:
            DeadlineExceeded: the caller's time is over.
            TimeoutError: the longest wait for one call is.
        """
        seconds = deadline.remaining(self._timeout)
        budget = Budget(seconds + _MOMENT_SECONDS)
        async with asyncio.timeout(seconds):
            return await asyncio.get_running_loop().run_in_executor(self._pool, call, budget)

    def close(self) -> None:
        """Wait for the calls that run, and forget those that wait."""
        self._pool.shutdown(wait=True, cancel_futures=True)
