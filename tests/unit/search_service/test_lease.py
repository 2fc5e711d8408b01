"""One worker at a time, and what becomes of one that loses the lease."""

import asyncio

import pytest

from search_service.lease import Lease, Turn
from search_service.ports_repair import LeaseLost, MaintenanceRunning
from servicekit.errors import BackendUnavailable
from tests.fakes_repair import RepairableRecordStore


def lease(records: RepairableRecordStore, seconds: float = 30.0, wait_seconds: float = 0.0) -> Lease:
    return Lease(records, seconds=seconds, rows_per_second=1e9, wait_seconds=wait_seconds)


async def lost(turn: Turn) -> None:
    """Return once the turn is over."""
    async with asyncio.timeout(5):
        while True:
            try:
                await turn.pause(0)
            except LeaseLost:
                return


async def test_a_second_worker_is_told_what_is_at_work() -> None:
    records = RepairableRecordStore()
    async with lease(records).held("rebuild"):
        with pytest.raises(MaintenanceRunning, match="a rebuild is at work"):
            async with lease(records).held("sweep"):
                raise AssertionError
    async with lease(records).held("sweep") as turn:
        turn.require()


async def test_a_patient_worker_waits_for_one_that_ends_soon() -> None:
    records = RepairableRecordStore()
    async with lease(records).held("sweep"):
        waiting = asyncio.create_task(enter(lease(records, wait_seconds=5.0)))
        await asyncio.sleep(0)
        assert not waiting.done()
    await waiting


async def enter(waited_for: Lease) -> None:
    async with waited_for.held("reconcile", patient=True) as turn:
        turn.require()


async def test_the_lease_of_a_worker_that_died_runs_out() -> None:
    records = RepairableRecordStore()
    await records.take("reconcile dead", 30)
    with pytest.raises(MaintenanceRunning):
        await enter(lease(records))
    records.now_ms += 30_000
    await enter(lease(records))


async def test_a_lease_is_renewed_while_its_holder_works() -> None:
    records = RepairableRecordStore()
    async with lease(records, seconds=0.3).held("reconcile") as turn:
        first = turn.valid_until
        async with asyncio.timeout(5):
            while turn.valid_until < first + 0.3:
                await turn.pause(0)


async def test_work_stops_when_another_has_the_lease() -> None:
    records = RepairableRecordStore()
    async with lease(records, seconds=0.03).held("reconcile") as turn:
        turn.require()
        records.lose_everything()
        await records.take("rebuild other", 30)
        await lost(turn)
    assert await records.take("third", 30) == "rebuild other", "the loser frees nothing"


async def test_work_goes_on_over_a_store_that_is_away_for_less_than_the_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    records = RepairableRecordStore()
    asked = asyncio.Event()

    async def away(holder: str, seconds: float) -> bool:
        asked.set()
        raise BackendUnavailable("away")

    async with lease(records, seconds=0.3).held("reconcile") as turn:
        with monkeypatch.context() as patch:
            patch.setattr(records, "renew", away)
            await asked.wait()
        before = turn.valid_until
        async with asyncio.timeout(5):
            while turn.valid_until == before:
                await turn.pause(0)


async def test_work_stops_when_the_store_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    records = RepairableRecordStore()

    async def away(*_: object) -> bool:
        raise BackendUnavailable("away")

    async with lease(records, seconds=0.03).held("reconcile") as turn:
        monkeypatch.setattr(records, "renew", away)
        monkeypatch.setattr(records, "release", away)
        await lost(turn)


async def test_the_pace_is_kept() -> None:
    records = RepairableRecordStore()
    loop = asyncio.get_running_loop()
    async with Lease(records, seconds=30, rows_per_second=1000).held("reconcile") as turn:
        started = loop.time()
        await turn.pause(50)
        assert loop.time() - started >= 0.05
