"""Whether this server should get calls (readiness) and whether its process turns (liveness): two questions."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog
from grpc_health.v1 import health, health_pb2

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_log = structlog.get_logger()


Parts = Callable[[], Mapping[str, bool]]
"""Says of each part of a server, by name, whether it can be used; a part that is gone cannot."""


class Check(Protocol):
    """A part that the server needs."""

    name: str

    async def check(self) -> None:
        """Return if the part answers; raise anything if not."""


class Health:
    """Answers grpc.health.v1: `""` and each service name follow the checks, `liveness` is SERVING for life.

    The checks run in the background; a probe only reads the last answer.
    """

    def __init__(self, interval_seconds: float) -> None:
        self.servicer = health.aio.HealthServicer()
        self._interval = interval_seconds
        self._failing: dict[str, str] = {}
        self._names = [""]
        self._parts: dict[str, bool] = {}
        self._draining = False
        self.serving = False

    def fails(self, check: str) -> bool:
        """Return whether a part failed its last check."""
        return check in self._failing

    async def start(self) -> None:
        """Say that the process turns and is not ready yet."""
        await self.servicer.set("liveness", SERVING)
        await self.servicer.set("", NOT_SERVING)

    async def watch(self, names: Sequence[str], checks: Sequence[Check], parts: Parts = dict) -> None:
        """Keep `""` and `names` in step with `checks`, and the parts' own names with `parts`, until cancelled."""
        self._names = ["", *names]
        while True:
            await asyncio.gather(*map(self._look, checks))
            self._parts = dict.fromkeys(self._parts, False) | dict(parts())
            await self._publish()
            await asyncio.sleep(self._interval)

    async def set(self, name: str, *, serving: bool) -> None:
        """Say whether one part of the server, such as one model, can be used."""
        await self.servicer.set(name, SERVING if serving else NOT_SERVING)

    async def drain(self) -> None:
        """Say NOT_SERVING from now on, whatever the checks say."""
        self._draining = True
        await self._publish()

    async def _publish(self) -> None:
        self.serving = not (self._draining or self._failing)
        for name, usable in self._parts.items():
            await self.set(name, serving=usable and not self._draining)
        for name in self._names:
            # Looked up for each: the drain may begin between two of them.
            await self.set(name, serving=not (self._draining or self._failing))

    async def _look(self, check: Check) -> None:
        try:
            async with asyncio.timeout(max(1.0, self._interval)):
                await check.check()
        except Exception as error:  # noqa: BLE001 whatever a part raises, it is not ready
            self._note(check.name, type(error).__name__)
        else:
            self._note(check.name, None)

    def _note(self, name: str, problem: str | None) -> None:
        before = self._failing.get(name)
        if problem is None:
            self._failing.pop(name, None)
        else:
            self._failing[name] = problem
        if (before is None) != (problem is None):
            _log.warning("dependency changed", dependency=name, answers=problem is None, problem=problem)
