"""Calls to Milvus: within the caller's time, none while it fails its checks, its errors as ours.

Knows no library: how to connect, and which exceptions mean what, are given.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from search_service.blocking import Budget, Threads
from search_service.breaker import Breaker
from servicekit import deadline
from servicekit.errors import BackendUnavailable, ServiceError

Result = TypeVar("Result")
# Short of a second, after which whoever asks for the check gives up.
_CHECK_SECONDS = 0.9
_RETRY_AFTER_SECONDS = 1.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Exceptions:
    """The library's exceptions, and what one means.

    Args:
        all: Their types.
        is_not_loaded: Whether a collection must be loaded first.
        problem: What an exception means to a caller; None for a fault of ours.
        reason: What stands at the root of any error, for the log.
    """

    all: tuple[type[Exception], ...]
    is_not_loaded: Callable[[Exception], bool]
    problem: Callable[[Any], ServiceError | None]
    reason: Callable[[BaseException], str]


def unavailable() -> BackendUnavailable:
    """Return the error that Milvus does not answer."""
    return BackendUnavailable("the vector store does not answer", retry_after_seconds=_RETRY_AFTER_SECONDS)


class MilvusCalls:
    """Makes calls: methods of a client that blocks, on threads of its own, and what can be awaited.

    Args:
        connect: Connects within so many seconds.
        exceptions: The library's.
        threads: Blocking calls at once.
        timeout_seconds: Longest wait for one call.
    """

    def __init__(
        self, connect: Callable[[float], Any], exceptions: Exceptions, *, threads: int, timeout_seconds: float
    ) -> None:
        self._connect = connect
        self._exceptions = exceptions
        self._timeout = timeout_seconds
        self._connecting = threading.Lock()
        self._client: Any = None
        self._breaker = Breaker()
        self._threads = Threads("milvus", threads, timeout_seconds)
        # Apart, so that a check gets through when calls that hang hold all other threads.
        self._checker = Threads("milvus-check", 1, _CHECK_SECONDS)

    @property
    def left_alone(self) -> bool:
        """Whether Milvus is not called, since it failed its check."""
        return self._breaker.is_open

    async def call(self, method: str, *args: Any, **options: Any) -> Any:
        """Call a method of the client."""
        if self._breaker.is_open:
            raise unavailable()
        return await self._run(self._threads, method, *args, **options)

    async def wait(self, space: str, call: Callable[[], Awaitable[Result]]) -> Result:
        """Await a call about a space; a Milvus that was restarted must load it first."""
        if self._breaker.is_open:
            raise unavailable()
        try:
            async with asyncio.timeout(deadline.remaining(self._timeout)):
                return await self._loaded(space, call)
        except TimeoutError as error:
            raise unavailable() from error

    async def check(self, ensure: Callable[[], None], methods: Sequence[str]) -> list[Any]:
        """Call `ensure` and then these methods, and return their answers. When it fails, calls are refused for now."""
        with self._judged():
            async with deadline.limit(_CHECK_SECONDS):
                await self._checker.run(lambda _: ensure())
                return [await self._run(self._checker, method) for method in methods]

    def close(self) -> None:
        """Wait for blocking calls that run, and disconnect."""
        self._threads.close()
        self._checker.close()
        if self._client is not None:
            self._client.close()

    @contextmanager
    def _judged(self) -> Iterator[None]:
        began, was_open = time.monotonic(), self._breaker.is_open
        try:
            yield
        except BaseException as error:
            self._breaker.failed(began)
            if self._breaker.is_open and not was_open:
                _log.warning("Milvus does not answer", problem=self._exceptions.reason(error))
            raise

    async def _run(self, threads: Threads, method: str, *args: Any, **options: Any) -> Any:
        try:
            return await threads.run(lambda budget: self._blocking(budget, method, *args, **options))
        except TimeoutError as error:
            raise unavailable() from error

    async def _loaded(self, space: str, call: Callable[[], Awaitable[Result]]) -> Result:
        with self._heard():
            try:
                return await call()
            except self._exceptions.all as error:
                if not self._exceptions.is_not_loaded(error):
                    raise
            await self._run(self._threads, "load_collection", space)
            return await call()

    def _blocking(self, budget: Budget, method: str, *args: Any, **options: Any) -> Any:
        """Call a method, likewise; nothing is called without a timeout."""
        with self._heard():
            client = self._connected(budget)
            call = getattr(client, method)
            try:
                return call(*args, timeout=budget.left(), **options)
            except self._exceptions.all as error:
                if not self._exceptions.is_not_loaded(error):
                    raise
            client.load_collection(args[0], timeout=budget.left())
            return call(*args, timeout=budget.left(), **options)

    @contextmanager
    def _heard(self) -> Iterator[None]:
        """Note that Milvus answers, and raise what its errors mean."""
        try:
            yield
        except self._exceptions.all as error:
            problem = self._exceptions.problem(error)
            if not isinstance(problem, BackendUnavailable):
                self._breaker.answered()
            if problem is None:
                raise
            raise problem from error
        self._breaker.answered()

    def _connected(self, budget: Budget) -> Any:
        if self._client is None:
            if not self._connecting.acquire(timeout=budget.left()):
                raise TimeoutError
            try:
                self._client = self._client or self._connect(budget.left())
            finally:
                self._connecting.release()
        return self._client
