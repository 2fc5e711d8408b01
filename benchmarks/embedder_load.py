"""Calls of Embed for some seconds: as many as it takes, one at a time, or at a rate whatever becomes of them."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks import pictures
from benchmarks.inprocess import read
from benchmarks.load import connected
from likeness.v1 import embedder_pb2, embedder_pb2_grpc, types_pb2

_WARM = 3
_PACKED = types_pb2.VECTOR_ENCODING_FLOAT32_LE
_PROBE_SECONDS = 0.2
_DISTINCT = 64


@dataclass
class Outcomes:
    """What became of calls made at a rate, in seconds."""

    served: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    late: int = 0
    other: list[str] = field(default_factory=list)
    probes: list[float] = field(default_factory=list)
    failed_probes: int = 0
    seconds: float = 0.0
    ended_at: float = math.inf
    """When the last call was made, by time.perf_counter."""
    first_after: float = math.inf
    """From then to the next answer that is none of refusal."""
    new_after: float = 0.0
    """From then to the answer to a call that is only made then, and made again as long as it is refused."""

    def serve(self, seconds: float) -> None:
        """Note a call that was served."""
        self.served.append(seconds)
        if (after := time.perf_counter() - self.ended_at) > 0:
            self.first_after = min(self.first_after, after)


@dataclass(frozen=True)
class EmbedCalls:
    """Calls with one model; they carry `batch` photographs each."""

    address: str
    health_address: str
    model: str
    photographs: Path
    batch: int = 1

    def rate(self, at_once: int, seconds: float) -> float:
        """Return images a second with so many calls under way."""
        return asyncio.run(self._rate(at_once, seconds))

    def lone(self, calls: int) -> list[float]:
        """Return the seconds of each of so many calls, one after the other."""
        return asyncio.run(self._lone(calls))

    def offered(self, calls_a_second: float, seconds: float, deadline: float) -> Outcomes:
        """Make calls at a rate, ask for health meanwhile, and then wait for the first call that is served."""
        return asyncio.run(self._offered(calls_a_second, seconds, deadline))

    @asynccontextmanager
    async def _calling(self) -> AsyncIterator[Any]:
        async with calling(self.address) as embed:
            requests = self.requests()
            for _ in range(_WARM):
                await embed(next(requests))
            yield lambda deadline=60.0: embed(next(requests), timeout=deadline)

    def requests(self) -> Iterator[embedder_pb2.EmbedRequest]:
        """Yield requests without end."""
        photographs = read(self.photographs)
        made = [
            embedder_pb2.EmbedRequest(
                images=[
                    types_pb2.Image(content=pictures.distinct(photographs, number + at)) for at in range(self.batch)
                ],
                models=[self.model],
                encoding=_PACKED,
            )
            for number in range(0, _DISTINCT, self.batch)
        ]
        return (made[number % len(made)] for number in count())

    async def _rate(self, at_once: int, seconds: float) -> float:
        async with self._calling() as call:
            started = time.perf_counter()
            done = await asyncio.gather(*(_until(call, started + seconds) for _ in range(at_once)))
            return sum(done) * self.batch / (time.perf_counter() - started)

    async def _lone(self, calls: int) -> list[float]:
        async with self._calling() as call:
            return [await _timed(call()) for _ in range(calls)]

    async def _offered(self, calls_a_second: float, seconds: float, deadline: float) -> Outcomes:
        outcomes = Outcomes()
        async with self._calling() as call:
            probing = asyncio.create_task(self._probe(outcomes))
            started = time.perf_counter()
            tasks = [
                asyncio.create_task(_noted(call(deadline), outcomes)) async for _ in paced(calls_a_second, seconds)
            ]
            outcomes.ended_at = time.perf_counter()
            outcomes.seconds = outcomes.ended_at - started
            await _first(call)
            outcomes.new_after = time.perf_counter() - outcomes.ended_at
            outcomes.first_after = min(outcomes.first_after, outcomes.new_after)
            await asyncio.gather(*tasks)
            probing.cancel()
        return outcomes

    async def _probe(self, outcomes: Outcomes) -> None:
        async with grpc.aio.insecure_channel(self.health_address) as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            while True:
                try:
                    outcomes.probes.append(
                        await _timed(health.Check(health_pb2.HealthCheckRequest(service="liveness"), timeout=1))
                    )
                except grpc.aio.AioRpcError:
                    outcomes.failed_probes += 1
                await asyncio.sleep(_PROBE_SECONDS)


@asynccontextmanager
async def calling(address: str) -> AsyncIterator[Any]:
    """Give Embed of an embedder, as a method of a stub."""
    async with connected(address) as channel:
        yield embedder_pb2_grpc.EmbedderServiceStub(channel).Embed


async def paced(calls_a_second: float, seconds: float) -> AsyncIterator[None]:
    """Yield at a rate, for some seconds; whoever comes late is not waited for."""
    started = time.perf_counter()
    for number in range(int(calls_a_second * seconds)):
        await asyncio.sleep(max(0, started + number / calls_a_second - time.perf_counter()))
        yield


async def _until(call: Any, end: float) -> int:
    done = 0
    while time.perf_counter() < end:
        await call()
        done += 1
    return done


async def _first(call: Any) -> None:
    while True:
        try:
            await call()
        except grpc.aio.AioRpcError:
            await asyncio.sleep(0.01)
        else:
            return


async def _timed(call: Awaitable[Any]) -> float:
    started = time.perf_counter()
    await call
    return time.perf_counter() - started


async def _noted(call: Awaitable[Any], outcomes: Outcomes) -> None:
    started = time.perf_counter()
    try:
        await call
        outcomes.serve(time.perf_counter() - started)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            outcomes.refused.append(time.perf_counter() - started)
        elif error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            outcomes.late += 1
        else:
            outcomes.other.append(f"{error.code().name} {error.details()}")
