"""A server whose port stays open.

gRPC closes it, and says so to nobody, where it gets a call whose path is not UTF-8 (grpcio 1.85): anybody who reaches a
port could so end it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import ClassVar, Self

import grpc
import structlog

from servicekit import listening

Open = Callable[[int], Awaitable[tuple[grpc.aio.Server, int]]]
"""Starts a server on a port, 0 for a free one, and returns it with the port that it has."""
_CONNECT_SECONDS = 1.0
_log = structlog.get_logger()


class KeptServer:
    """A server that is started again where its port is closed. Calls under way end with what gRPC has given up."""

    # To stop what gRPC has stopped itself, or to let go of it, can crash the process: kept for as long as that lasts.
    _given_up: ClassVar[list[grpc.aio.Server]] = []

    def __init__(self, open_: Open, host: str, port: int) -> None:
        self._open = open_
        self._host = host
        self.port = port

    async def __aenter__(self) -> Self:
        """Start it.

        Raises:
            SystemExit: the port cannot be opened.
        """
        with listening.opening(self._host, self.port):
            self.server, self.port = await self._open(self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop it, if that has not been done."""
        await self.server.stop(0)

    async def until(self, stop: asyncio.Event, interval_seconds: float) -> None:
        """Look after the port until `stop` is set.

        Raises:
            RuntimeError: the port cannot be opened any more.
        """
        while not stop.is_set():
            if not await _listens(self._host, self.port):
                _log.error("gRPC has closed the port; it is opened again", port=self.port)
                self._given_up.append(self.server)
                self.server, _ = await self._open(self.port)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), interval_seconds)


async def _listens(host: str, port: int) -> bool:
    """Say whether connections are not refused: that none can be made now, since too many are, proves nothing."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), _CONNECT_SECONDS)
    except ConnectionRefusedError:
        return False
    except OSError:
        return True
    writer.close()
    return True
