"""A caller with the retry policy that is shipped goes on while every server behind a name is replaced."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import resources

import grpc

from tests.dns_server import NameServer
from tests.integration import servicekit_probe as probe
from tests.integration.servicekit_probe import ProbeSettings
from tests.servers import free_port
from tests.serving import Serving, serving

POLICY = resources.files("likeness.v1").joinpath("likeness_grpc_service_config.json").read_text()
# As the operator's pages tell callers to set it; by default a name is looked up again after 30 s at the earliest.
RESOLUTION_MS = 1_000
PATIENCE_SECONDS = 20


class Fleet:
    """Servers on one port of several loopback addresses, those that a name leads to."""

    def __init__(self, stack: AsyncExitStack, names: NameServer) -> None:
        self._served: set[str] = set()
        self._all = asyncio.Event()
        self._stack = stack
        self._names = names
        self._port = free_port()
        self._running: dict[str, Serving] = {}

    @property
    def target(self) -> str:
        return f"dns://{self._names.address}/fleet.test:{self._port}"

    async def add(self, address: str) -> None:
        async def note(*_: object) -> None:
            self._served.add(address)
            if self._served >= set(self._running):
                self._all.set()

        settings = ProbeSettings(host=address, port=self._port, drain_seconds=0.1, grace_seconds=5)
        self._running[address] = await self._stack.enter_async_context(serving(probe.build_with(note), settings))
        self._names.addresses.append(address)

    async def remove(self, address: str) -> None:
        """Take it from the name first, as an orchestrator does; return once it has stopped."""
        self._names.addresses.remove(address)
        await self._running.pop(address).stop()

    async def all_serve(self) -> None:
        """Return once each has had a call since now."""
        self._served.clear()
        self._all.clear()
        await asyncio.wait_for(self._all.wait(), PATIENCE_SECONDS)


@asynccontextmanager
async def called_without_end(target: str) -> AsyncIterator[list[str]]:
    """Call in four places at once while the block runs; yields what went wrong."""
    failures: list[str] = []
    ending = asyncio.Event()
    options = [("grpc.service_config", POLICY), ("grpc.dns_min_time_between_resolutions_ms", RESOLUTION_MS)]

    async def call(channel: grpc.aio.Channel) -> None:
        while not ending.is_set():
            try:
                await probe.unary_unary(channel, "cat")
            except grpc.aio.AioRpcError as error:
                failures.append(f"{error.code()}: {error.details()}")

    async with grpc.aio.insecure_channel(target, options=options) as channel, asyncio.TaskGroup() as calls:
        for _ in range(4):
            calls.create_task(call(channel))
        try:
            yield failures
        finally:
            ending.set()


async def test_replacing_every_server_is_not_noticed() -> None:
    async with AsyncExitStack() as stack:
        fleet = Fleet(stack, await stack.enter_async_context(NameServer.listening()))
        for old in ("127.0.0.1", "127.0.0.2"):
            await fleet.add(old)
        async with called_without_end(fleet.target) as failures:
            await fleet.all_serve()
            for old, new in (("127.0.0.1", "127.0.0.3"), ("127.0.0.2", "127.0.0.4")):
                await fleet.add(new)
                await fleet.remove(old)
                await fleet.all_serve()
        assert failures == []
