"""The time that a call has left, carried from the caller through every wait to every call out."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

from servicekit.errors import DeadlineExceeded

_current: ContextVar["Deadline | None"] = ContextVar("deadline", default=None)


class Deadline:
    """When a call ends, and which stage it is in."""

    def __init__(self, seconds: float) -> None:
        self._expires_at = asyncio.get_running_loop().time() + seconds
        self.stage = "queue"

    def remaining(self) -> float:
        """Return the seconds left; never below zero."""
        return max(0.0, self._expires_at - asyncio.get_running_loop().time())

    def exceeded(self) -> DeadlineExceeded:
        """Return the error that says so, with the stage."""
        return DeadlineExceeded(f"the deadline passed in stage {self.stage}", metadata={"stage": self.stage})


@asynccontextmanager
async def limit(seconds: float) -> AsyncIterator[Deadline]:
    """Run the block for at most `seconds`, and no longer than the block around it; every call out sees what is left.

    Raises:
        DeadlineExceeded: the time is over.
    """
    deadline = Deadline(remaining(seconds))
    if around := _current.get():
        deadline.stage = around.stage
    token = _current.set(deadline)
    timer = asyncio.timeout(deadline.remaining())
    try:
        async with timer:
            yield deadline
    except TimeoutError:
        if not timer.expired():
            raise
        raise deadline.exceeded() from None
    finally:
        _current.reset(token)


def remaining(cap_seconds: float) -> float:
    """Return the seconds that a call out may take: what the caller has left, and at most `cap_seconds`.

    Raises:
        DeadlineExceeded: nothing is left.
    """
    deadline = _current.get()
    if deadline is None:
        return cap_seconds
    left = deadline.remaining()
    if left <= 0:
        raise deadline.exceeded()
    return min(left, cap_seconds)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Name what the block is waiting for, for the error that a passed deadline brings."""
    deadline = _current.get()
    if deadline is not None:
        deadline.stage = name
    yield
