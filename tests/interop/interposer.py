"""A server between a client and a gateway: sees what arrives, and loses replies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc


@dataclass(frozen=True)
class Attempt:
    """One attempt at a call, as it arrived."""

    method: str
    previous: int
    """How many attempts its caller's channel made before."""


class Interposer(grpc.GenericRpcHandler):
    """Passes unary calls on. The next `to_lose` replies are lost once the gateway has given them; `hold` keeps all."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.seen: list[Attempt] = []
        self.to_lose = 0
        self.address = ""
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._channel = channel

    def hold(self) -> None:
        """Answer nothing from now on."""
        self._flowing.clear()

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        """Return what passes a call on, whatever it is."""
        return grpc.unary_unary_rpc_method_handler(partial(self._pass_on, details.method))

    async def _pass_on(self, method: str, request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        metadata = dict(context.invocation_metadata() or ())
        previous = int(metadata.get("grpc-previous-rpc-attempts", 0))
        self.seen.append(Attempt(method, previous))
        await self._flowing.wait()
        call: Any = self._channel.unary_unary(method)
        answer: bytes = await call(request)
        if self.to_lose:
            self.to_lose -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the reply was lost")
        return answer


@asynccontextmanager
async def interposed(address: str) -> AsyncIterator[Interposer]:
    """Run an interposer in front of a gateway."""
    async with grpc.aio.insecure_channel(address) as channel:
        interposer = Interposer(channel)
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers((interposer,))
        interposer.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            yield interposer
        finally:
            await server.stop(0)
