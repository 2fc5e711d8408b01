"""SIGHUP: what was read from disk may have changed."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog

_log = structlog.get_logger()


@asynccontextmanager
async def followed_by(reload: Callable[[], Awaitable[object]] | None) -> AsyncIterator[None]:
    """Await `reload` after every SIGHUP while the block runs; several that come meanwhile are one more."""
    if reload is None:
        yield
        return
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, told.set)
    following = asyncio.create_task(_follow(told, reload))
    try:
        yield
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
        following.cancel()
        await asyncio.wait({following})


async def _follow(told: asyncio.Event, reload: Callable[[], Awaitable[object]]) -> None:
    while True:
        await told.wait()
        told.clear()
        try:
            await reload()
        except Exception:  # noqa: BLE001 whatever it is, the server goes on with what it has
            _log.exception("reload failed")
