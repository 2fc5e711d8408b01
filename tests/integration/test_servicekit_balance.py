"""Servers that join while others serve: found through DNS, and given their share of the calls."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
import pytest

from servicekit import channel as channels
from tests.dns_server import NameServer
from tests.integration import servicekit_probe as probe
from tests.integration.servicekit_probe import ProbeSettings
from tests.servers import free_port
from tests.serving import serving

PATIENCE_SECONDS = 15
AGE_SECONDS = 0.5


class Replicas:
    """Servers on one port of several loopback addresses, which one name leads to; each counts its calls."""

    def __init__(self, stack: AsyncExitStack, names: NameServer) -> None:
        self.served: Counter[str] = Counter()
        self._stack = stack
        self._names = names
        self._port = free_port()

    @property
    def target(self) -> str:
        return f"dns://{self._names.address}/replicas.test:{self._port}"

    async def add(self, address: str) -> None:
        async def count(*_: object) -> None:
            self.served[address] += 1

        settings = ProbeSettings(host=address, port=self._port, max_connection_age_seconds=AGE_SECONDS)
        await self._stack.enter_async_context(serving(probe.build_with(count), settings))
        self._names.addresses.append(address)


@pytest.fixture
async def replicas() -> AsyncIterator[Replicas]:
    async with AsyncExitStack() as stack:
        yield Replicas(stack, await stack.enter_async_context(NameServer.listening()))


@asynccontextmanager
async def calling(target: str) -> AsyncIterator[grpc.aio.Channel]:
    async with channels.connect(target, max_message_bytes=2**20) as channel:
        yield channel


async def call_until_all_serve(channel: grpc.aio.Channel, replicas: Replicas, count: int) -> None:
    """Call, one call after another, none of which may fail."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(replicas.served) < count:
            await probe.unary_unary(channel, "cat")


async def test_a_server_that_joins_gets_its_share_and_no_call_fails(replicas: Replicas) -> None:
    for last in (1, 2, 3):
        await replicas.add(f"127.0.0.{last}")
    async with calling(replicas.target) as channel:
        await call_until_all_serve(channel, replicas, 3)
        await replicas.add("127.0.0.4")
        await call_until_all_serve(channel, replicas, 4)
        replicas.served.clear()
        for _ in range(400):
            await probe.unary_unary(channel, "cat")
    assert len(replicas.served) == 4
    # A connection that is being renewed is passed over for an instant.
    assert all(0.15 <= count / 400 <= 0.35 for count in replicas.served.values()), replicas.served
