"""Calls to Redis: bounded in number and time, scripts by their hash, writes held until enough replicas have them.

Knows no library: the client, and which exceptions mean what, are given.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

from servicekit.errors import BackendUnavailable

_RETRY_AFTER_SECONDS = 1.0
# A node of a cluster that hangs must not keep a look at all of them from the rest.
_REPORT_SECONDS = 0.5
# Nothing is acknowledged on the word of these scripts, so they wait for no replica.
_UNACKNOWLEDGED = {
    *("coverage", "dropped", "garbage", "holders", "named", "unnamed"),
    *("expire", "forget", "release", "renew", "take"),
}


@dataclass(frozen=True, slots=True)
class Replication:
    """How many replicas must have a write before it is acknowledged, and how long that may take."""

    replicas: int = 0
    wait_seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Exceptions:
    """The library's exceptions: all there are, and those by which a server refuses, knows no script or hands on."""

    all: tuple[type[Exception], ...]
    refused: type[Exception]
    no_script: type[Exception]
    moved: type[Exception]


@contextmanager
def _uncancelled() -> Iterator[None]:
    """Cancel the block again at its end if it lost that: Python 3.11's `wait_for`, which redis-py sends with, may."""
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    finally:
        if task and task.cancelling() > before:
            raise asyncio.CancelledError


class RedisCalls:
    """Sends commands to one server or to a cluster.

    Args:
        client: redis-py's, for one server or for a cluster.
        exceptions: The library's.
        scripts: The text of each script, by name.
        timeout_seconds: Longest that one call may take.
        max_connections: Most calls at once.
    """

    def __init__(
        self,
        client: Any,
        exceptions: Exceptions,
        scripts: Mapping[str, str],
        *,
        timeout_seconds: float,
        max_connections: int,
        replication: Replication,
    ) -> None:
        self._client = client
        self._exceptions = exceptions
        self._failures: tuple[type[Exception], ...] = (*exceptions.all, OSError)
        # Redis knows a script by its SHA-1 once it has seen it.
        self._scripts = {
            name: (text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())
            for name, text in scripts.items()
        }
        self._timeout = timeout_seconds
        self._places = asyncio.Semaphore(max_connections)
        self._replication = replication
        self._clustered = hasattr(client, "get_primaries")

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[None]:
        """Bound what the block asks: its wait for a place and its answer together. A deadline cuts it from outside.

        Raises:
            BackendUnavailable: Redis does not answer, or refuses.
        """
        with _uncancelled():
            try:
                async with asyncio.timeout(self._timeout), self._places:
                    yield
            except self._failures as error:
                raise BackendUnavailable(
                    "the record store does not answer", retry_after_seconds=_RETRY_AFTER_SECONDS
                ) from error

    async def run(self, script: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script whose keys share a slot and return its answer once enough replicas have what it wrote."""
        text, sha1 = self._scripts[script]
        operands = [len(keys), *keys, *args]
        async with self.asking():
            try:
                return await self._send(script, keys[0], "EVALSHA", sha1, *operands)
            except self._exceptions.no_script:
                return await self._send(script, keys[0], "EVAL", text, *operands)

    async def write(self, key: str, *command: Any) -> Any:
        """Send a command that writes `key` and return its answer once enough replicas have it."""
        async with self.asking():
            return await self._send("", key, *command)

    async def reports(self) -> list[Mapping[str, Any]]:
        """Return what each server that answers says of itself, empty where it may not be asked."""
        if not self._clustered:
            return [await self._report(self._client)]
        found = await asyncio.gather(*map(self._report, self._client.get_primaries()), return_exceptions=True)
        return [report for report in found if not isinstance(report, BaseException)]

    async def _report(self, server: Any) -> Mapping[str, Any]:
        report: dict[str, Any] = {}
        try:
            async with asyncio.timeout(_REPORT_SECONDS):
                report |= await server.execute_command("INFO")
                report |= await server.execute_command("CONFIG GET", "appendfsync")
        except self._exceptions.refused:
            # Managed services and careful operators forbid CONFIG. INFO alone answers what is required.
            return report
        return report

    async def _send(self, script: str, key: str, *command: Any) -> Any:
        if not self._replication.replicas or script in _UNACKNOWLEDGED:
            return await self._client.execute_command(*command)
        try:
            answer, copies = await self._replicated(key, command)
        except self._exceptions.moved:
            # Single commands follow and learn. A pipeline would wait at the node that did not write.
            await self._client.exists(key)
            answer, copies = await self._replicated(key, command)
        if copies < self._replication.replicas:
            raise BackendUnavailable(
                "too few replicas of the record store have the write", retry_after_seconds=_RETRY_AFTER_SECONDS
            )
        return answer

    async def _replicated(self, key: str, command: Sequence[Any]) -> list[Any]:
        """Send a command and WAIT on one connection, which is what WAIT counts by."""
        wait = ("WAIT", self._replication.replicas, round(self._replication.wait_seconds * 1000))
        if not self._clustered:
            both = self._client.pipeline(transaction=False).execute_command(*command).execute_command(*wait)
            return list(await both.execute())
        await self._client.initialize()
        both = self._client.pipeline().execute_command(*command)
        both.execute_command(*wait, target_nodes=self._client.get_node_from_key(key))
        return list(await both.execute(allow_redirections=False))
