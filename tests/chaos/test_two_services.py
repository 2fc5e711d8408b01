"""Two search services over one Milvus server and one Redis: who loses a race is told so, and leaves nothing behind."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.chaos.caller import Caller, distance, patiently
from tests.chaos.connection import connected
from tests.chaos.restarts import armed, restart
from tests.chaos.site import PATIENCE_SECONDS, Site
from tests.chaos.stored import none_under_way, swept
from tests.oracle import Oracle, Outcome

IMAGE_IDS = [f"image-{number}" for number in range(50)]
RACERS, TURNS = 20, 15
versions = count(1)


@pytest.fixture(scope="module")
def places(redis_url: str, milvus_server_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Site]]:
    """Two services."""
    with ExitStack() as stack:
        made = [
            Site(tmp_path_factory.mktemp("service"), Path(), milvus_uri=milvus_server_uri, redis_url=redis_url)
            for _ in range(2)
        ]
        for place in made:
            stack.callback(place.stop)
        yield made


@pytest.fixture(scope="module")
async def callers(places: list[Site]) -> AsyncIterator[list[Caller]]:
    """A caller of each, with one log for both and one collection."""
    oracle = Oracle(distance)
    async with connected(places[0].address) as first, connected(places[1].address) as second:
        made = [Caller(stub, oracle, "two-services") for stub in (first, second)]
        # A Milvus server takes seconds to make a collection: longer than what is half done may be here.
        places[0].start("search", WRITE_HORIZON_SECONDS="60")
        await made[0].create()
        for place in places:
            await restart(place)
        yield made
        await made[1].drop()


async def race(callers: list[Caller], seed: int) -> None:
    """Write and delete, through either service."""
    draw = random.Random(seed)
    for _ in range(TURNS):
        caller, image_ids = draw.choice(callers), draw.sample(IMAGE_IDS, draw.randint(1, 8))
        if draw.random() < 0.3:
            await caller.delete(image_ids)
        else:
            await caller.write({image_id: next(versions) for image_id in image_ids})


async def test_racing_writers_and_deleters_leave_one_row_per_model_and_image(
    places: list[Site], callers: list[Caller]
) -> None:
    await asyncio.gather(*(race(callers, seed) for seed in range(RACERS)))
    callers[0].oracle.settle()
    await swept(places[0], callers[0])
    assert callers[0].oracle.outcomes[Outcome.DONE] > RACERS * TURNS


@pytest.mark.parametrize("point", ["vectors.insert.before", "vectors.insert.after:2", "records.commit.before"])
async def test_a_write_that_is_late_for_a_deletion_does_not_land(
    places: list[Site], callers: list[Caller], point: str
) -> None:
    """The writer stops; meanwhile its image is deleted through the other service; then the writer goes on."""
    slow = places[0]
    image_id = f"late-for-a-deletion-{point}"
    await restart(slow, armed(point, "stop"))
    writing = asyncio.create_task(callers[0].write({image_id: next(versions)}))
    await asyncio.to_thread(slow.await_stop, "search")
    assert await callers[1].delete([image_id]) == [Outcome.DONE]
    slow.go_on("search")
    assert Outcome.DONE not in await writing
    callers[0].oracle.settle()
    assert await callers[1].look(image_id) is None
    await swept(places[0], callers[1])


@pytest.mark.parametrize("point", ["vectors.insert.before", "records.commit.before"])
async def test_a_writer_that_stops_for_too_long_is_told_no(
    places: list[Site], callers: list[Caller], point: str
) -> None:
    """The other service sweeps its rows away; neither rows nor a commit may land then."""
    slow, image_id = places[0], f"stopped-{point}"
    await restart(slow, armed(point, "stop"))
    writing = asyncio.create_task(callers[0].write({image_id: next(versions)}))
    await asyncio.to_thread(slow.await_stop, "search")
    await patiently(PATIENCE_SECONDS, lambda: none_under_way(slow.redis_url, callers[0].collection))
    slow.go_on("search")
    assert Outcome.DONE not in await writing
    callers[0].oracle.settle()
    assert await callers[1].look(image_id) is None
    await swept(places[0], callers[1])


async def test_one_service_dies_and_the_other_goes_on_and_sweeps(places: list[Site], callers: list[Caller]) -> None:
    dying, _ = places
    await callers[1].write({"shared": next(versions)})
    await restart(dying, armed("records.commit.before", "kill"))
    await callers[0].write({"shared": next(versions)})
    callers[0].oracle.settle()
    await callers[1].every_image()
    assert await callers[1].write({"shared": next(versions)}) == [Outcome.DONE]
    await swept(places[1], callers[1])
