"""The load: calls made by a process of its own, one at a time or many at once, over connections that are warm."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any, ClassVar, Protocol, TypeVar

import grpc

Result = TypeVar("Result")
Call = Callable[..., Awaitable[Any]]
WARM_CALLS = 20
CALL_SECONDS = 60.0
_MESSAGE_BYTES = 64 * 1024 * 1024
_SHOWN_CHARS = 500


class Side(Protocol):
    """One side of a comparison. Its calls are numbered."""

    def latencies(self, numbers: Sequence[int]) -> list[float]:
        """Call with one number after the other and return the seconds that each took."""

    def rate(self, numbers: Sequence[int], at_once: int) -> float:
        """Call with every number, so many at once, and return the calls a second."""


class Load:
    """The process. Whatever is sent to it must be picklable, sides and their numbers are."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def run(self, job: Callable[..., Result], *arguments: object) -> Result:
        """Run a job there, such as `side.rate`."""
        return self._pool.submit(job, *arguments).result()


@contextmanager
def load() -> Iterator[Load]:
    """Start the process and end it after the block."""
    # Not forked: gRPC's threads would be missing in the child.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        yield Load(pool)


@dataclass(frozen=True)
class OverGrpc:
    """A side that is a gRPC call of ours. Requests are built before the clock runs."""

    # How many of the numbers are spent on warming what is called.
    warm: ClassVar[int] = WARM_CALLS
    address: str

    def request(self, number: int) -> Any:
        """Return the request with this number."""
        raise NotImplementedError

    def method(self, channel: grpc.aio.Channel) -> Any:
        """Return the call, a method of a stub."""
        raise NotImplementedError

    def is_whole(self, response: Any) -> bool:
        """Tell whether a response has all that was asked for."""
        raise NotImplementedError

    def latencies(self, numbers: Sequence[int]) -> list[float]:
        """See Side."""
        return in_turn([self], numbers)[0]

    def rate(self, numbers: Sequence[int], at_once: int) -> float:
        """See Side."""
        return asyncio.run(self._rate(numbers, at_once))

    async def _rate(self, numbers: Sequence[int], at_once: int) -> float:
        async with self.calling(numbers) as calls:
            await _each(itertools.islice(calls, self.warm))
            started = time.perf_counter()
            await asyncio.gather(*(_each(calls) for _ in range(at_once)))
            return (len(numbers) - self.warm) / (time.perf_counter() - started)

    @asynccontextmanager
    async def calling(self, numbers: Sequence[int]) -> AsyncIterator[Iterator[Awaitable[None]]]:
        """Connect and give the calls with these numbers, each made when it is taken."""
        async with connected(self.address) as channel:
            method, requests = self.method(channel), [self.request(number) for number in numbers]
            yield (self._call(method, request) for request in requests)

    async def _call(self, method: Call, request: Any) -> None:
        response = await method(request, timeout=CALL_SECONDS)
        if not self.is_whole(response):
            raise RuntimeError(f"{type(self).__name__}: the answer is not whole: {str(response)[:_SHOWN_CHARS]}")


def connected(address: str) -> grpc.aio.Channel:
    """Return a channel that carries batches of photographs."""
    limits = [(f"grpc.max_{way}_message_length", _MESSAGE_BYTES) for way in ("send", "receive")]
    return grpc.aio.insecure_channel(address, options=limits)


def in_turn(sides: Sequence[OverGrpc], numbers: Sequence[int]) -> list[list[float]]:
    """Call every side with a number before the next number, and return the seconds of each side's calls."""
    return asyncio.run(_in_turn(sides, numbers))


async def _in_turn(sides: Sequence[OverGrpc], numbers: Sequence[int]) -> list[list[float]]:
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(side.calling(numbers)) for side in sides]
        turns = [[await _seconds(call) for call in turn] for turn in zip(*opened, strict=True)]
    return [list(own) for own in zip(*turns[WARM_CALLS:], strict=True)]


async def _each(calls: Iterable[Awaitable[None]]) -> None:
    for call in calls:
        await call


async def _seconds(call: Awaitable[None]) -> float:
    started = time.perf_counter()
    await call
    return time.perf_counter() - started
