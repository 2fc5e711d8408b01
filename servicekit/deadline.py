"""The time that a call has left, carried from the caller through every wait to every call out."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

from servicekit.errors import DeadlineExceeded, ServiceError

_current: ContextVar["Deadline | None"] = ContextVar("deadline", default=None)


class Deadline:
    """When a call ends, which stage it is in, and what it is waiting to try again after."""

    def __init__(self, seconds: float, stage: str) -> None:
        self._expires_at = asyncio.get_running_loop().time() + seconds
        self.stage = stage
        self.cause: ServiceError | None = None

    def remaining(self) -> float:
        """Return the seconds left; never below zero."""
        return max(0.0, self._expires_at - asyncio.get_running_loop().time())

    def exceeded(self) -> ServiceError:
        """Return what took the time, if that is known, or else the error that it is over, with the stage."""
        return self.cause or DeadlineExceeded(
            f"the deadline passed in stage {self.stage}", metadata={"stage": self.stage}
        )


@asynccontextmanager
async def limit(seconds: float, stage: str = "queue") -> AsyncIterator[Deadline]:
    """Run the block for at most `seconds`, and no longer than the block around it; every call out sees what is left.

    Args:
        seconds: For the whole block.
        stage: What the block waits for where neither it nor the block around it says anything else.

    Raises:
        DeadlineExceeded: the time is over, unless `because` knows better.
    """
    around = _current.get()
    deadline = Deadline(remaining(seconds), around.stage if around else stage)
    deadline.cause = around.cause if around else None
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


def of_callers(seconds: float) -> float:
    """Return what a call may take of the time that its caller gave it, as that reached the server.

    gRPC rounds times up on their way, by a hundredth at the most. Less by a little more, so that our error, which names
    the stage, is there before the caller's clock ends.
    """
    return 0.99 * seconds - min(0.05, seconds / 10)


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
def because(cause: ServiceError | None) -> Iterator[None]:
    """Have the deadline bring `cause`, if there is one, should it pass in the block, which tries to get over that."""
    deadline = _current.get()
    if deadline is None:
        yield
        return
    deadline.cause = cause
    try:
        yield
    except asyncio.CancelledError:
        # Perhaps the deadline: it asks for the cause once everything is left.
        raise
    except BaseException:
        deadline.cause = None
        raise
    deadline.cause = None


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Name what the block is waiting for, for the error that a passed deadline brings."""
    deadline = _current.get()
    if deadline is not None:
        deadline.stage = name
    yield
