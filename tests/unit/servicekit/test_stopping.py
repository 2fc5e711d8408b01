"""Being told to stop."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from servicekit import stopping


async def test_what_opens_in_time_is_handed_over() -> None:
    async def opening() -> str:
        return "open"

    assert await stopping.unless(asyncio.Event(), opening()) == "open"


async def test_what_does_not_open_is_given_up_and_undone() -> None:
    log = []

    @asynccontextmanager
    async def parts() -> AsyncIterator[str]:
        try:
            log.append("first part opened")
            stop.set()
            await asyncio.Event().wait()
            yield "open"
        finally:
            log.append("first part closed")

    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        assert await stopping.unless(stop, stack.enter_async_context(parts())) is None
    assert log == ["first part opened", "first part closed"]


async def test_a_timeout_while_opening_is_an_error_and_no_stop() -> None:
    async def opening() -> str:
        raise TimeoutError("the store")

    with pytest.raises(TimeoutError, match="the store"):
        await stopping.unless(asyncio.Event(), opening())


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_asks_for_a_stop(signum: signal.Signals) -> None:
    stop = stopping.on_signals()
    try:
        os.kill(os.getpid(), signum)
        await asyncio.wait_for(stop.wait(), 5)
    finally:
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(each)
