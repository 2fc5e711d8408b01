"""When a server is to stop: told by a signal, while it serves or before it ever did."""

import asyncio
import signal
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


def on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stopping = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stopping.set)
    return stopping


async def unless(stopping: asyncio.Event, opening: Awaitable[T]) -> T | None:
    """Await `opening` in this very task; give it up, and return None, once `stopping` is set.

    So a server whose parts never come up can be told to stop like any other.
    """
    patience = asyncio.timeout(None)

    async def lose_patience() -> None:
        await stopping.wait()
        patience.reschedule(asyncio.get_running_loop().time())

    waiting = asyncio.create_task(lose_patience())
    try:
        async with patience:
            return await opening
    except TimeoutError:
        if not patience.expired():
            raise
        return None
    finally:
        waiting.cancel()
