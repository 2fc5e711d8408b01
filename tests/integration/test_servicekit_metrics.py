"""What a server tells Prometheus of the calls that it serves."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from servicekit import metrics, server
from servicekit.errors import BackendUnavailable, Overloaded
from servicekit.metrics import Metrics
from tests.integration import servicekit_probe as probe
from tests.integration.servicekit_probe import ProbeSettings
from tests.scraping import Scrape
from tests.serving import Serving

Serve = Callable[..., Awaitable[Serving]]
CANARY = "canary-51c0"
GET_MODEL = "likeness.v1.EmbedderService/GetModel"


class Away:
    """A part that readiness needs, and that does not answer."""

    name = "away"

    async def check(self) -> None:
        raise BackendUnavailable("away")


async def refused(channel: grpc.aio.Channel, name: str = "x") -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        await probe.unary_unary(channel, name)


async def test_calls_are_counted_and_timed_by_method_and_code(serve: Serve) -> None:
    running = await serve(
        probe.build_with(probe.Attempts(probe.nothing, probe.nothing, Overloaded("full"))), ProbeSettings()
    )
    async with grpc.aio.insecure_channel(running.address) as channel:
        await probe.unary_unary(channel, "x")
        await probe.stream_stream(channel, "x")
        await refused(channel)
    seen = await Scrape.of(running.metrics_url)
    assert seen.value("likeness_rpcs_total", method=GET_MODEL, code="OK") == 1
    assert seen.value("likeness_rpcs_total", method=GET_MODEL, code="UNAVAILABLE") == 1
    assert seen.value("likeness_rpcs_total", method="likeness.v1.EmbedderService/StreamEmbed", code="OK") == 1
    assert seen.value("likeness_rpc_seconds_count", method=GET_MODEL) == 2
    assert seen.value("likeness_rpc_errors_total", method=GET_MODEL, reason="OVERLOADED") == 1
    assert seen.value("likeness_rpc_errors_total") == 1


async def test_a_call_that_its_caller_gives_up_counts_as_cancelled(serve: Serve) -> None:
    begun = asyncio.Event()

    async def hang(*_: object) -> None:
        begun.set()
        await asyncio.Event().wait()

    running = await serve(probe.build_with(hang), ProbeSettings())
    async with grpc.aio.insecure_channel(running.address) as channel:
        call = asyncio.create_task(probe.unary_unary(channel, "x"))
        await begun.wait()
        assert (await Scrape.of(running.metrics_url)).value("likeness_rpcs_in_flight") == 1
        call.cancel()
        await Scrape.until(running.metrics_url, lambda seen: seen.value("likeness_rpcs_total", code="CANCELLED") == 1)


async def test_nothing_that_a_caller_chose_is_told_and_unknown_methods_are_one(serve: Serve) -> None:
    running = await serve(probe.build_with(probe.as_named), ProbeSettings())
    secrets = (("authorization", f"Bearer {CANARY}"), ("x-request-id", CANARY), ("traceparent", CANARY))
    async with grpc.aio.insecure_channel(running.address) as channel:
        for i in range(3):
            method: Any = channel.unary_unary(f"/likeness.v1.{CANARY}/Method{i}")
            with pytest.raises(grpc.aio.AioRpcError):
                await method(b"", metadata=secrets)
        await probe.unary_unary(channel, CANARY, metadata=secrets)
        with pytest.raises(grpc.aio.AioRpcError):
            await probe.unary_unary(channel, f"fault {CANARY}", metadata=secrets)
    seen = await Scrape.of(running.metrics_url)
    assert CANARY not in seen.text
    assert seen.value("likeness_rpcs_total", method="unknown", code="UNIMPLEMENTED") == 3
    assert seen.value("likeness_rpc_errors_total", reason="INTERNAL") == 1


async def test_health_is_told_and_probes_are_not_counted(serve: Serve) -> None:
    running = await serve(probe.build_with(probe.nothing, checks=[Away()]), ProbeSettings())
    for address in (running.address, running.health_address):
        assert await probe.health_of(address) == "NOT_SERVING"
    seen = await Scrape.of(running.metrics_url)
    assert seen.value("likeness_ready") == 0
    assert seen.value("likeness_rpcs_total") == 0
    ready = await serve(probe.build_with(probe.nothing), ProbeSettings())
    await ready.ready()
    assert (await Scrape.of(ready.metrics_url)).value("likeness_ready") == 1


async def test_a_check_that_fails_is_named(serve: Serve) -> None:
    running = await serve(probe.build_with(probe.nothing, checks=[Away()]), ProbeSettings())
    failing = {"check": "away"}
    await Scrape.until(running.metrics_url, lambda seen: seen.value("likeness_check_failing", **failing) == 1)


async def test_the_process_is_told_of_too(serve: Serve) -> None:
    seen = await Scrape.of((await serve(probe.build_with(probe.nothing), ProbeSettings())).metrics_url)
    assert seen.value("process_resident_memory_bytes") > 0
    assert seen.value("process_open_fds") > 0
    assert seen.value("likeness_rpcs_limit") == ProbeSettings().max_in_flight


async def test_a_port_that_is_taken_ends_the_server(serve: Serve) -> None:
    running = await serve(probe.build_with(probe.nothing), ProbeSettings())
    port = int(running.metrics_url.split(":")[2].split("/")[0])
    with pytest.raises(SystemExit, match=f"{port}: the port is in use"):
        await server.run(probe.build_with(probe.nothing), ProbeSettings(metrics_port=port), stop=asyncio.Event())


async def test_scrapers_that_say_nothing_keep_no_thread_that_others_need() -> None:
    """Beyond the bound they are cut off at once; those within it are let go after a while."""
    async with metrics.served(Metrics(), "127.0.0.1", 0) as port:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(8)]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await asyncio.wait_for(reader.read(), 20) == b""
        writer.close()
        for _, each in idle:
            each.close()
            await each.wait_closed()
        await Scrape.until(f"http://127.0.0.1:{port}/metrics", lambda seen: "process_cpu" in seen.text)


async def test_metrics_can_be_had_over_ipv6() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    async with metrics.served(Metrics(), "[::1]", 0) as port:
        assert "process_cpu_seconds_total" in (await Scrape.of(f"http://[::1]:{port}/metrics")).text
