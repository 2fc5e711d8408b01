"""A TCP proxy that tests put between two parts, to delay, hold, cut and lose what they say to each other."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

_CHUNK_BYTES = 65536

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class FaultProxy:
    """Hands bytes on, both ways, as its fields say; they may change at any time.

    `delay_seconds` holds each piece back for that long, each way. `hold` keeps everything back, in the way that a
    network does that loses every packet, until `release`. `lose_reply_to` passes on the next request that holds the
    bytes given, and then cuts the connection in place of its reply; `lost` is set then.
    """

    def __init__(self, connect: Callable[[], Awaitable[Streams]]) -> None:
        self.delay_seconds = 0.0
        self.refusing = False
        self.lost = asyncio.Event()
        self._connect = connect
        self._marker = b""
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._served: set[asyncio.Task[None]] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def hold(self) -> None:
        """Pass nothing on."""
        self._flowing.clear()

    def release(self) -> None:
        """Pass on what was held, and all that follows."""
        self._flowing.set()

    async def cut(self) -> None:
        """Reset every connection and forget what was held; returns once none is left, and both sides could notice."""
        for pump in tuple(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)
        await asyncio.sleep(0)

    def lose_reply_to(self, marker: bytes) -> None:
        """Lose the reply to the next request that holds these bytes."""
        self._marker = marker
        self.lost.clear()

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def stop(self) -> None:
        """Cut everything and listen no more."""
        assert self._server is not None
        self._server.close()
        await self.cut()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        try:
            if not self.refusing:
                await self._join(reader, writer)
        finally:
            self._served.discard(task)
            writer.transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await self._connect()
        except OSError:
            return
        losing = asyncio.Event()
        pumps = {
            asyncio.create_task(self._pump(reader, far_writer, lambda piece: self._request(piece, losing))),
            asyncio.create_task(self._pump(far_reader, writer, lambda _: not losing.is_set())),
        }
        self._pumps |= pumps
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._pumps -= pumps
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            far_writer.transport.abort()
        if losing.is_set():
            self.lost.set()

    def _request(self, piece: bytes, losing: asyncio.Event) -> bool:
        if self._marker and self._marker in piece:
            self._marker = b""
            losing.set()
        return True

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wanted: Callable[[bytes], bool]
    ) -> None:
        """Pass pieces on until one is not wanted, or either side goes."""
        with suppress(OSError):
            while piece := await reader.read(_CHUNK_BYTES):
                if self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                await self._flowing.wait()
                if not wanted(piece):
                    return
                writer.write(piece)
                await writer.drain()


@asynccontextmanager
async def proxy_to(host: str, port: int) -> AsyncIterator[FaultProxy]:
    """Run a proxy to a TCP address."""
    proxy = FaultProxy(lambda: asyncio.open_connection(host, port))
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
