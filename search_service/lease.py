"""One worker at a time: sweep, reconcile and rebuild take the same lease, over all replicas of the service."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from search_service.ports_repair import LeaseLost, MaintenanceRunning, RepairRecords
from servicekit.errors import ServiceError

_RENEWALS = 3
_POLL_SECONDS = 0.1


class Turn:
    """The right to work, for as long as it is renewed in time, and the pace to work at."""

    def __init__(self, valid_until: float, rows_per_second: float) -> None:
        self.valid_until = valid_until
        self._rows_per_second = rows_per_second

    def require(self) -> None:
        """Return if nobody else can be at work; to be called before every step that changes something.

        Raises:
            LeaseLost: the lease was not renewed in time, or is another's.
        """
        if asyncio.get_running_loop().time() >= self.valid_until:
            raise LeaseLost("the lease for maintenance was lost; run the command again")

    async def pause(self, rows: int) -> None:
        """Rest after work on so many rows, so that serving goes on beside it."""
        await asyncio.sleep(rows / self._rows_per_second)
        self.require()


class Lease:
    """Gives out turns. A holder that dies keeps others waiting for `seconds` at the longest."""

    def __init__(
        self, records: RepairRecords, *, seconds: float, rows_per_second: float, wait_seconds: float = 0.0
    ) -> None:
        self._records = records
        self._seconds = seconds
        self._rows_per_second = rows_per_second
        self._wait = wait_seconds

    @asynccontextmanager
    async def held(self, job: str, *, patient: bool = False) -> AsyncIterator[Turn]:
        """Hold the lease while the block runs; a patient job waits a little for one that ends soon.

        Raises:
            MaintenanceRunning: another holds it.
        """
        loop = asyncio.get_running_loop()
        holder = f"{job} {secrets.token_hex(8)}"
        give_up = loop.time() + (self._wait if patient else 0.0)
        turn = Turn(await self._take(holder, give_up), self._rows_per_second)
        renewing = asyncio.create_task(self._renew(holder, turn))
        try:
            yield turn
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            with suppress(ServiceError):
                await self._records.release(holder)

    async def _take(self, holder: str, give_up: float) -> float:
        """Return until when the lease is `holder`'s, by this process's clock."""
        loop = asyncio.get_running_loop()
        while True:
            asked = loop.time()
            current = await self._records.take(holder, self._seconds)
            if current == holder:
                return asked + self._seconds
            if loop.time() >= give_up:
                raise MaintenanceRunning(f"a {current.partition(' ')[0]} is at work; one runs at a time")
            await asyncio.sleep(_POLL_SECONDS)

    async def _renew(self, holder: str, turn: Turn) -> None:
        """Renew while it is ours. A store that does not answer is asked again until the time is over."""
        loop = asyncio.get_running_loop()
        while loop.time() < turn.valid_until:
            await asyncio.sleep(self._seconds / _RENEWALS)
            asked = loop.time()
            with suppress(ServiceError):
                ours = await self._records.renew(holder, self._seconds)
                turn.valid_until = asked + self._seconds if ours else asked
