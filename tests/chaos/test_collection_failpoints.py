"""Collections: the service dies at each step of making one and of clearing one away."""

import asyncio
from contextlib import closing
from functools import partial

import grpc
import pytest
import redis
from pymilvus import MilvusClient

from tests.chaos.caller import Caller, distance, patiently, until_done
from tests.chaos.connection import connected
from tests.chaos.restarts import armed, restart
from tests.chaos.site import PATIENCE_SECONDS, Site
from tests.oracle import Oracle

CREATE = [
    "records.prepare.before",
    "records.prepare.after",
    "vectors.create.before",
    "vectors.create.after",
    "vectors.create.after:2",
    "records.register.before",
    "records.register.after",
]
DELETE = ["records.unregister.before", "records.unregister.after"]
CLEAR = [
    "vectors.drop.before",
    "vectors.drop.after",
    "vectors.drop.after:2",
    "records.clear.before",
    "records.clear.after",
]


def named(point: str) -> str:
    return point.replace(".", "-").replace(":", "-")


async def is_there(caller: Caller) -> bool:
    try:
        await caller.count()
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return False
    return True


async def is_usable(caller: Caller) -> None:
    """It takes an image and finds it, and holds nothing else."""
    await until_done(partial(caller.write, {"image": 1}))
    assert [hit.image_id for hit in await caller.search(1)] == ["image"]
    assert await caller.count() == 1


@pytest.mark.parametrize("point", CREATE)
async def test_a_collection_is_made_whole_or_not_at_all(place: Site, point: str) -> None:
    async with connected(place.address) as stub:
        caller = Caller(stub, Oracle(distance), named(point))
        await restart(place, armed(point, "kill"))
        with pytest.raises(grpc.aio.AioRpcError):
            await caller.create()
        await asyncio.to_thread(place.await_death, "search")
        await restart(place)
        assert await is_there(caller) == (point == "records.register.after")
        if not await is_there(caller):
            await caller.create()
        await is_usable(caller)


@pytest.mark.parametrize("point", DELETE)
async def test_a_collection_is_deleted_or_whole(place: Site, point: str) -> None:
    async with connected(place.address) as stub:
        caller = Caller(stub, Oracle(distance), named(point))
        await caller.create()
        await is_usable(caller)
        await restart(place, armed(point, "kill"))
        with pytest.raises(grpc.aio.AioRpcError):
            await caller.drop()
        await restart(place)
        assert await is_there(caller) == (point == "records.unregister.before")
        if await is_there(caller):
            await caller.every_image()
            await caller.drop()
        assert not await is_there(caller)


async def test_clearing_away_that_dies_is_gone_on_with(place: Site) -> None:
    """The next process comes upon the same collection, and dies one step further."""
    async with connected(place.address) as stub:
        caller = Caller(stub, Oracle(distance), "cleared")
        await restart(place)
        await caller.create()
        await is_usable(caller)
        await caller.drop()
        for point in CLEAR:
            await restart(place, armed(point, "kill"))
            await asyncio.to_thread(place.await_death, "search")
        await restart(place)
        again = Caller(stub, Oracle(distance), "cleared")
        await again.create()
        await is_usable(again)


async def test_afterwards_the_stores_hold_the_collections_that_are_there_and_no_more(place: Site) -> None:
    await restart(place)

    async def judge() -> None:
        with redis.Redis.from_url(place.redis_url, decode_responses=True) as records:
            uids = {text.split('"uid":"')[1][:16] for text in records.hvals("{likeness}:collections")}
            assert {key.split("{")[1].split("}")[0] for key in records.keys("likeness:*")} == uids
        with closing(MilvusClient(place.milvus_uri)) as vectors:
            assert {name.split("_")[1] for name in vectors.list_collections()} == uids

    await patiently(PATIENCE_SECONDS, judge)
