"""Starting, draining and stopping, of real processes wherever signals are meant."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from servicekit import server
from tests.integration import servicekit_probe as probe
from tests.integration.servicekit_probe import ProbeSettings
from tests.serving import Serving

Serve = Callable[..., Awaitable[Serving]]
PATIENCE_SECONDS = 20


class Running:
    """The probe as a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.address = ""
        self.health_address = ""

    async def said(self) -> Any:
        """Return the next thing that it says."""
        assert self.process.stdout is not None
        return json.loads(await asyncio.wait_for(self.process.stdout.readline(), PATIENCE_SECONDS))

    async def listening(self) -> None:
        ports = await self.said()
        self.address, self.health_address = f"127.0.0.1:{ports['service']}", f"127.0.0.1:{ports['health']}"

    async def exit_code(self) -> int:
        return await asyncio.wait_for(self.process.wait(), PATIENCE_SECONDS)


@contextlib.asynccontextmanager
async def launched(**settings: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """The probe as a process, whatever becomes of it; killed at the end if it is still there."""
    environment = {**os.environ, **{f"LIKENESS_PROBE_{name.upper()}": str(value) for name, value in settings.items()}}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        probe.__name__,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@contextlib.asynccontextmanager
async def listening(**settings: object) -> AsyncIterator[Running]:
    async with launched(**settings) as process:
        running = Running(process)
        await running.listening()
        yield running


@contextlib.asynccontextmanager
async def channel_to(running: Running | Serving) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(running.address) as channel:
        yield channel


class HealthWatch:
    """Follows readiness from before a signal to after it."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address)
        stub: Any = health_pb2_grpc.HealthStub(self._channel)
        self._answers = stub.Watch(health_pb2.HealthCheckRequest()).__aiter__()

    async def until(self, status: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (await anext(self._answers)).status != status:
                pass

    async def close(self) -> None:
        await self._channel.close()


def call(channel: grpc.aio.Channel, name: str) -> "asyncio.Task[list[str]]":
    return asyncio.create_task(probe.unary_unary(channel, name, timeout=30))


async def slow_calls(running: Running, channel: grpc.aio.Channel, *seconds: float) -> list["asyncio.Task[list[str]]"]:
    """Start calls that take this long; return once the server is at work on each."""
    names = [f"slow {each}" for each in seconds]
    calls = [call(channel, name) for name in names]
    assert {await running.said() for _ in names} == set(names)
    return calls


async def test_sigterm_loses_no_call() -> None:
    """Not ready at once; calls in flight, and one made while draining, are answered; exit code 0."""
    loop = asyncio.get_running_loop()
    seconds = [round(0.1 * n, 1) for n in range(1, 21)]
    async with listening(drain_seconds=1, grace_seconds=10) as running, channel_to(running) as channel:
        watch = HealthWatch(running.health_address)
        await watch.until(health_pb2.HealthCheckResponse.SERVING)
        calls = await slow_calls(running, channel, *seconds)
        running.process.send_signal(signal.SIGTERM)
        signalled = loop.time()
        await watch.until(health_pb2.HealthCheckResponse.NOT_SERVING)
        assert loop.time() - signalled < 0.5
        assert await probe.health_of(running.health_address, "liveness") == "SERVING"
        assert await call(channel, "late") == ["late"]
        assert await asyncio.gather(*calls) == [[f"slow {each}"] for each in seconds]
        assert await running.exit_code() == 0
        assert 1.9 < loop.time() - signalled < 1 + 10 + 1
        await watch.close()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_loses_no_call_either(signum: signal.Signals) -> None:
    async with listening(grace_seconds=10) as running, channel_to(running) as channel:
        (pending,) = await slow_calls(running, channel, 0.5)
        running.process.send_signal(signum)
        running.process.send_signal(signum)
        assert await pending == ["slow 0.5"]
        assert await running.exit_code() == 0


async def test_a_port_that_is_taken_ends_the_second_server() -> None:
    async with listening() as first:
        port = first.address.rpartition(":")[2]
        async with launched(port=port) as second:
            assert second.stderr is not None
            output = await asyncio.wait_for(second.stderr.read(), PATIENCE_SECONDS)
            assert await second.wait() != 0
            said = output.decode().splitlines()
            assert [line for line in said if f":{port}: the port is in use" in line] == said[-1:]
            assert "Traceback" not in output.decode()


async def test_wrong_settings_end_the_server_with_all_of_them_named() -> None:
    async with launched(port=70000, prot=1) as process:
        assert process.stderr is not None
        output = await asyncio.wait_for(process.stderr.read(), PATIENCE_SECONDS)
        assert await process.wait() == 1
    assert {"LIKENESS_PROBE_PORT", "LIKENESS_PROBE_PROT"} <= set(output.decode().replace(":", " ").split())


async def test_a_call_longer_than_the_grace_is_cut_off_and_cleaned_up_before_parts_close(serve: Serve) -> None:
    log: list[str] = []
    inside = asyncio.Event()

    async def for_ever(*_: object) -> None:
        inside.set()
        try:
            await asyncio.Event().wait()
        finally:
            # What a handler still awaits after it was cut off.
            await asyncio.wait({asyncio.create_task(asyncio.to_thread(int))})
            log.append("call cleaned up")

    build = probe.build_with(for_ever, closed=lambda: log.append("parts closed"))
    running = await serve(build, ProbeSettings(grace_seconds=0.1))
    async with channel_to(running) as channel:
        pending = call(channel, "cat")
        await asyncio.wait_for(inside.wait(), PATIENCE_SECONDS)
        await running.stop()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await pending
    assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
    assert log == ["call cleaned up", "parts closed"]


async def test_parts_close_once_every_call_is_answered(serve: Serve) -> None:
    log: list[str] = []
    inside, opened = asyncio.Event(), asyncio.Event()

    async def wait(*_: object) -> None:
        inside.set()
        await opened.wait()
        log.append("call served")

    build = probe.build_with(wait, closed=lambda: log.append("parts closed"))
    running = await serve(build, ProbeSettings())
    async with channel_to(running) as channel:
        pending = call(channel, "cat")
        await asyncio.wait_for(inside.wait(), PATIENCE_SECONDS)
        running.drain()
        asyncio.get_running_loop().call_later(0.1, opened.set)
        await running.stop()
        assert await pending == ["cat"]
    assert log == ["call served", "parts closed"]


async def test_both_ports_are_free_afterwards(serve: Serve) -> None:
    running = await serve(probe.build_with(probe.nothing), ProbeSettings())
    await running.stop()
    for address in (running.address, running.health_address):
        host, _, port = address.rpartition(":")
        socket.create_server((host, int(port))).close()


async def test_parts_that_fail_to_open_end_the_server_and_close_what_is_open() -> None:
    log: list[str] = []

    @contextlib.asynccontextmanager
    async def build(_: ProbeSettings) -> AsyncIterator[server.App]:
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(log.append, "first part closed")
            raise ConnectionError("second part")
        yield server.App([])

    with pytest.raises(ConnectionError, match="second part"):
        await server.run(build, ProbeSettings(), stop=asyncio.Event())
    assert log == ["first part closed"]


async def test_a_server_told_to_stop_before_it_serves_stops() -> None:
    log: list[str] = []
    stop = asyncio.Event()

    @contextlib.asynccontextmanager
    async def build(_: ProbeSettings) -> AsyncIterator[server.App]:
        try:
            stop.set()
            await asyncio.Event().wait()
            yield server.App([])
        finally:
            log.append("first part closed")

    await asyncio.wait_for(server.run(build, ProbeSettings(), stop=stop), PATIENCE_SECONDS)
    assert log == ["first part closed"]


async def test_a_watch_of_health_does_not_last_for_all_of_the_grace(serve: Serve) -> None:
    async def unused(*_: object) -> None: ...

    running = await serve(probe.build_with(unused), ProbeSettings(drain_seconds=0, grace_seconds=600))
    async with grpc.aio.insecure_channel(running.address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        watch = health.Watch(health_pb2.HealthCheckRequest())
        await watch.read()
        await asyncio.wait_for(running.stop(), PATIENCE_SECONDS)


NO_GRACE = """
import asyncio
import contextlib
import grpc
from tests.integration import servicekit_probe as probe
from tests.serving import serving

async def main():
    for _ in range(60):
        async with contextlib.AsyncExitStack() as stack:
            settings = probe.ProbeSettings(grace_seconds=0, log_level="ERROR")
            running = await stack.enter_async_context(serving(probe.build_with(probe.nothing), settings))
            for _ in range(3):
                channel = grpc.aio.insecure_channel(running.address)
                stack.push_async_callback(channel.close)
                await probe.unary_unary(channel, "x")

asyncio.run(main())
"""


async def test_a_server_without_grace_stops_as_cleanly() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", NO_GRACE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0
