"""Many searches: a few at a time, and none left over."""

import asyncio
from typing import Any

import pytest

from search_service.duplicates import Duplicates
from search_service.evaluation import Evaluator, Trial
from search_service.survey import Survey, together
from search_service.values import Match, Record
from servicekit import deadline
from servicekit.errors import BackendUnavailable, DeadlineExceeded
from tests.fakes_repair import RepairableVectorStore
from tests.unit.search_service.conftest import Core, new_image

COUNT = 20
TRIAL = Trial("c", "shows")


class WatchedStore(RepairableVectorStore):
    """Knows how many searches are under way; they end only while `open` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()
        self.now = self.most = 0
        self.busy, self.idle = asyncio.Event(), asyncio.Event()

    async def search(self, *args: Any, **options: Any) -> list[Match]:
        self.now += 1
        self.most = max(self.most, self.now)
        self.busy.set()
        self.idle.clear()
        try:
            await asyncio.sleep(0)
            await self.open.wait()
            return await super().search(*args, **options)
        finally:
            self.now -= 1
            if not self.now:
                self.busy.clear()
                self.idle.set()


@pytest.fixture
def store() -> WatchedStore:
    return WatchedStore()


@pytest.fixture
async def survey(store: WatchedStore) -> Survey:
    core = Core(vectors=store)
    await core.create()
    await core.put(*(new_image(f"x{i:02}", i, shows="same") for i in range(COUNT)))
    return Survey(core.records, core.vectors, at_once=3)


async def find(survey: Survey) -> list[list[str]]:
    return [list(group) async for group in Duplicates(survey).groups("c", "a", 2.0)]


async def test_no_more_searches_run_at_once_than_are_set_whoever_asks(store: WatchedStore, survey: Survey) -> None:
    evaluator = Evaluator(survey)
    await asyncio.gather(evaluator.evaluate(TRIAL), evaluator.evaluate(TRIAL), find(survey))
    assert store.most == 3


async def test_a_deadline_ends_it_and_every_search(store: WatchedStore, survey: Survey) -> None:
    store.open.clear()
    for work in (Evaluator(survey).evaluate(TRIAL), find(survey)):
        with pytest.raises(DeadlineExceeded) as late:
            async with deadline.limit(0.05):
                await work
        assert late.value.metadata == {"stage": "search"}
        await asyncio.wait_for(store.idle.wait(), 5)


async def test_a_caller_who_goes_ends_it_and_every_search(store: WatchedStore, survey: Survey) -> None:
    store.open.clear()
    for work in (Evaluator(survey).evaluate(TRIAL), find(survey)):
        task = asyncio.ensure_future(work)
        await store.busy.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(store.idle.wait(), 5)


async def test_one_failure_ends_the_others() -> None:
    ended = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fail() -> None:
        raise BackendUnavailable("no")

    with pytest.raises(BackendUnavailable):
        await together([wait(), fail()])
    async with asyncio.timeout(5):
        await ended.wait()


async def test_every_record_is_read_once_in_order(core: Core) -> None:
    collection = await core.records.collection("c")
    ids = sorted(f"x{i * 7919 % 5003}" for i in range(1200))
    for start in range(0, len(ids), 60):
        await core.put(*(new_image(image_id, 1) for image_id in ids[start : start + 60]))
    survey = Survey(core.records, core.vectors, at_once=1)
    found: list[Record] = [record async for record in survey.records(collection)]
    assert [record.version.image_id for record in found] == ids
    assert await survey.read(collection, [*ids, "none"]) == [*found, None]
