"""A store dies: right after it acknowledged, and while a write is on its way to it."""

import asyncio
from functools import partial
from itertools import count

import numpy as np
import pytest

from search_service.milvus_store import MilvusVectorStore
from search_service.redis_store import RedisRecordStore
from search_service.values import Record, Row, Version
from tests.chaos.caller import DIMENSIONS, Caller, until_done, vector
from tests.chaos.restarts import armed, restart
from tests.chaos.site import Site
from tests.chaos.stored import swept

RECOVERY_SECONDS = 20.0
versions = count(1)


async def revive(place: Site, caller: Caller, name: str) -> None:
    await asyncio.to_thread(place.revive, [name])
    await caller.recovered(RECOVERY_SECONDS)


@pytest.mark.parametrize("store", ["redis", "lite"])
async def test_what_was_acknowledged_outlives_the_store_it_was_written_to(
    place: Site, caller: Caller, store: str
) -> None:
    for number in range(20):
        await until_done(partial(caller.write, {f"{store}-{number}": next(versions)}))
    await until_done(partial(caller.delete, [f"{store}-0"]))
    place.kill(store)
    await revive(place, caller, store)
    await caller.every_image()
    assert await caller.look(f"{store}-1") is not None


@pytest.mark.parametrize(
    ("store", "point"),
    [("redis", "records.begin.before"), ("lite", "vectors.insert.before"), ("redis", "records.commit.before")],
)
async def test_a_store_that_dies_under_a_write_leaves_the_old_version_or_the_new_one(
    place: Site, caller: Caller, store: str, point: str
) -> None:
    """The writer stands still just before its next step while the store is killed and comes back."""
    image_id = f"{store}-{point}"
    await caller.write({image_id: next(versions)})
    await restart(place, armed(point, "stop"))
    writing = asyncio.create_task(caller.write({image_id: next(versions)}))
    await asyncio.to_thread(place.await_stop, "search")
    place.kill(store)
    if store == "redis":
        await asyncio.to_thread(place.launch, store)
    place.go_on("search")
    await writing
    await revive(place, caller, "lite")
    caller.oracle.settle()
    await caller.every_image()


async def test_eight_concurrent_writers_lose_nothing_when_lite_and_all_else_dies(place: Site, caller: Caller) -> None:
    """Rows of one collection are written at once, many times over; Milvus Lite is killed with its owner right after."""
    await asyncio.gather(*(fill(caller, writer) for writer in range(8)))
    for name in ("lite", "search", "redis"):
        place.kill(name)
    await asyncio.to_thread(place.revive, ["redis", "search"])
    await caller.recovered(RECOVERY_SECONDS)
    await swept(place, caller)


async def fill(caller: Caller, writer: int) -> None:
    for batch in range(3):
        written = {f"writer-{writer}-{batch}-{number}": next(versions) for number in range(5)}
        await until_done(partial(caller.write, written))


async def test_rows_put_there_behind_our_back_are_never_served(place: Site, caller: Caller) -> None:
    """An old generation of an image, and an image that was never written."""
    await caller.write({"restored": 7_000})
    await caller.write({"restored": 7_001})
    async with (
        RedisRecordStore.open(place.redis_url, timeout_seconds=5, max_connections=1) as records,
        MilvusVectorStore.open(
            place.milvus_uri, token="", flavour="lite", threads=1, timeout_seconds=30, ensure=lambda: None
        ) as vectors,
    ):
        collection = await records.collection(caller.collection)
        (known,) = await records.read(collection.uid, ["restored"])
        assert known is not None
        strays = [stray("restored", known.generation - 1, 7_000), stray("never-written", known.generation + 1, 7_002)]
        for binding in collection.bindings:
            rows = [Row(record, vector(binding.model, version)) for record, version in strays]
            await vectors.delete(binding.space, [row.record.key for row in rows])
            await vectors.insert(binding.space, rows)
        for version in (7_000, 7_002):
            hits = await caller.search(version)
            assert "never-written" not in {hit.image_id for hit in hits}
            assert {hit.version for hit in hits if hit.image_id == "restored"} == {7_001}
        for binding in collection.bindings:
            await vectors.delete(binding.space, [record.key for record, _ in strays])


def stray(image_id: str, generation: int, version: int) -> tuple[Record, int]:
    described = Version(image_id, f"{version:064x}", attributes={"version": version})
    return Record(described, 4, 3, generation), version


def test_versions_are_unlike_each_other() -> None:
    """What all judgements here rest on."""
    for model in DIMENSIONS:
        drawn = np.array([vector(model, version) for version in range(200)])
        distances = np.linalg.norm(drawn[:, None] - drawn[None], axis=2) + 2 * np.eye(len(drawn))
        assert distances.min() > 0.05
