"""What a server writes to its log while it serves."""

import asyncio
import json
import os
import signal
import sys
from typing import Any

import grpc
import pytest

from likeness.v1 import embedder_pb2, embedder_pb2_grpc, types_pb2
from tests.integration import servicekit_probe as probe
from tests.raw_calls import call_of

CANARY = "canary-7f3a"
UNREADABLE = "/a/b"


async def exchange(address: str) -> None:
    """One call that succeeds, one that fails inside, one that is no message: all full of what no log may hold."""
    secrets = (("x-request-id", "order-7"), ("authorization", f"Bearer {CANARY}"))
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
        images = [types_pb2.Image(content=CANARY.encode() * 100)]
        await stub.Embed(embedder_pb2.EmbedRequest(images=images), metadata=secrets)
        with pytest.raises(grpc.aio.AioRpcError):
            await probe.unary_unary(channel, f"fault {CANARY}", metadata=secrets)
        raw: Any = channel.unary_unary(f"/{probe.EMBEDDER}/GetModel")
        with pytest.raises(grpc.aio.AioRpcError):
            await raw(b"\xff" + CANARY.encode(), metadata=secrets)


async def unreadable(port: int) -> None:
    """A call with a header that gRPC cannot read, and writes to its log by itself."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(call_of(UNREADABLE.encode(), f"Bearer {CANARY}".encode() + b"\xff"))
    await writer.drain()
    writer.close()


@pytest.fixture(scope="module")
async def lines() -> list[str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        probe.__name__,
        env={**os.environ, "LIKENESS_PROBE_LOG_LEVEL": "DEBUG"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    port = json.loads(await process.stdout.readline())["service"]
    await unreadable(port)
    await exchange(f"127.0.0.1:{port}")
    process.send_signal(signal.SIGTERM)
    _, written = await asyncio.wait_for(process.communicate(), 20)
    return written.decode().splitlines()


def of(lines: list[str], event: str) -> list[dict[str, Any]]:
    return [entry for entry in map(json.loads, lines) if entry["event"] == event]


def test_every_line_is_json_with_time_level_and_service(lines: list[str]) -> None:
    for entry in map(json.loads, lines):
        assert {"event", "timestamp", "level", "service"} <= set(entry)
        assert entry["service"] == "probe"


def test_every_call_is_one_line_with_its_request_id_code_and_duration(lines: list[str]) -> None:
    calls = [call for call in of(lines, "call") if call["method"] != UNREADABLE]
    assert [(call["method"], call["code"]) for call in calls] == [
        (f"/{probe.EMBEDDER}/Embed", "OK"),
        (f"/{probe.EMBEDDER}/GetModel", "INTERNAL"),
        (f"/{probe.EMBEDDER}/GetModel", "INVALID_ARGUMENT"),
    ]
    assert {call["request_id"] for call in calls} == {"order-7"}
    assert all(call["duration_ms"] >= 0 for call in calls)


def test_a_fault_is_logged_with_its_traceback_and_request_id(lines: list[str]) -> None:
    (fault,) = of(lines, "unexpected error")
    assert fault["request_id"] == "order-7"
    assert "RuntimeError: something broke" in fault["exception"]


def test_a_library_logs_in_the_same_way(lines: list[str]) -> None:
    (warning,) = of(lines, "something is about to break")
    assert (warning["logger"], warning["level"], warning["request_id"]) == ("library", "warning", "order-7")


def test_nothing_that_a_caller_sent_is_logged(lines: list[str]) -> None:
    assert [line for line in lines if CANARY in line] == []


def test_the_life_of_the_server_is_told_in_order(lines: list[str]) -> None:
    life = [json.loads(line)["event"] for line in lines]
    assert [event for event in life if event in ("serving", "draining", "stopped")] == [
        "serving",
        "draining",
        "stopped",
    ]
