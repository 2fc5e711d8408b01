"""Hostile pictures among good ones, and far more calls than can be served: in short here, at length with `-m long`."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from embedder_service.app import build
from embedder_service.settings import EmbedderSettings
from likeness.v1 import embedder_pb2, embedder_pb2_grpc, types_pb2
from servicekit import errors, status
from tests import embedder_images as images
from tests import embedder_models
from tests.embedder_hostile import hostile_pictures
from tests.serving import Serving

Serve = Callable[..., Awaitable[Serving]]
GOOD = images.encode(images.smooth(480, 640), "JPEG")
MIB = 2**20


def request(content: bytes) -> embedder_pb2.EmbedRequest:
    return embedder_pb2.EmbedRequest(images=[types_pb2.Image(content=content)], models=["colour"])


async def test_hostile_pictures_get_their_reasons_and_harm_nobody(serve: Serve) -> None:
    server = await serve(build, EmbedderSettings(port=0, health_port=0, metrics_port=0, drain_seconds=0))
    expected = hostile_pictures(GOOD)
    calls = [*expected, *[GOOD] * 4 * len(expected)]
    random.Random(1).shuffle(calls)
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
        alone = (await stub.Embed(request(GOOD))).results[0]
        results = [answer.results[0] for answer in await asyncio.gather(*(stub.Embed(request(c)) for c in calls))]
    found = {content: result for content, result in zip(calls, results, strict=True) if content != GOOD}
    assert {content: reason(result) for content, result in found.items()} == expected
    assert all(result == alone for content, result in zip(calls, results, strict=True) if content == GOOD)


def reason(result: embedder_pb2.EmbedResult) -> str:
    return status.from_status(result.error).code_reason if result.HasField("error") else ""


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """Holds `slow`, of which each image takes a while: one that counts."""
    content = embedder_models.counting(10_000)
    embedder_models.write(tmp_path, embedder_models.card("slow", content, 3), content)
    return tmp_path


def settings(repository: Path, **changes: Any) -> EmbedderSettings:
    return EmbedderSettings(port=0, health_port=0, metrics_port=0, drain_seconds=0, model_dirs=(repository,), **changes)


async def storm(server: Serving, calls: int, content: bytes) -> Counter[str]:
    """Make so many calls at once, ask for health all the while, and return what became of them."""
    ended: Counter[str] = Counter()
    async with (
        grpc.aio.insecure_channel(server.address) as channel,
        grpc.aio.insecure_channel(server.health_address) as other,
    ):
        stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
        health: Any = health_pb2_grpc.HealthStub(other)

        async def call() -> None:
            one = embedder_pb2.EmbedRequest(images=[types_pb2.Image(content=content)], models=["slow"])
            try:
                await stub.Embed(one, timeout=30)
                ended["OK"] += 1
            except grpc.aio.AioRpcError as error:
                problem = status.from_rpc_error(error, "test")
                assert isinstance(problem, errors.Unavailable), problem
                assert problem.retry_after_seconds
                ended[problem.code_reason] += 1

        tasks = [asyncio.create_task(call()) for _ in range(calls)]
        while not all(task.done() for task in tasks):
            answer = await health.Check(health_pb2.HealthCheckRequest(service="liveness"), timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
            await asyncio.wait(tasks, timeout=0.2)
        await asyncio.gather(*tasks)
        await stub.Embed(embedder_pb2.EmbedRequest(images=[types_pb2.Image(content=content)], models=["slow"]))
    return ended


async def test_over_the_capacity_every_call_is_served_or_told_to_come_back(serve: Serve, slow: Path) -> None:
    server = await serve(build, settings(slow, max_in_flight=8))
    ended = await storm(server, 80, images.encode(images.noise(8, 8), "PNG"))
    assert ended["OK"] >= 8
    assert ended["OVERLOADED"] >= 8
    assert sum(ended.values()) == 80


@pytest.mark.long
async def test_ten_thousand_requests_leave_nothing_behind(serve: Serve) -> None:
    """Less than a kilobyte each, no thread and no descriptor, after the first two thousand; hostile ones among them."""
    server = await serve(build, EmbedderSettings(port=0, health_port=0, metrics_port=0, drain_seconds=0))
    own = psutil.Process()
    odd = [content for content in hostile_pictures(GOOD) if len(content) < MIB]
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)

        async def some(count: int) -> None:
            for at in range(count):
                await stub.Embed(request(odd[at % len(odd)] if at % 5 == 0 else GOOD))

        await asyncio.gather(*(some(500) for _ in range(4)))
        before = own.memory_full_info().uss, own.num_threads(), own.num_fds()
        await asyncio.gather(*(some(2_500) for _ in range(4)))
        after = own.memory_full_info().uss, own.num_threads(), own.num_fds()
    assert after[0] - before[0] < 10_000 * 1024
    assert after[1:] <= before[1:]
