"""The write path, cell by cell: the service dies at each durable step, and what it acknowledged is there afterwards."""

import asyncio
from functools import partial
from itertools import count

import pytest

from tests.chaos.caller import Caller, until_done
from tests.chaos.restarts import armed, restart
from tests.chaos.site import Site
from tests.chaos.stored import swept
from tests.oracle import Outcome

WRITE = [
    "records.begin.before",
    "records.begin.after",
    "vectors.insert.before",
    "vectors.insert.before:2",
    "vectors.insert.after",
    "vectors.insert.after:2",
    "records.commit.before",
    "records.commit.after",
]
DELETE = ["records.delete.before", "records.delete.after"]
SWEEP = [
    "records.expire.before",
    "records.expire.after",
    "vectors.delete.before",
    "vectors.delete.after",
    "vectors.delete.after:2",
    "records.forget.before",
    "records.forget.after",
]
ONCE = [point for point in [*WRITE, *DELETE] if ":" not in point]
versions = count(1)


def everywhere(action: str) -> str:
    """Return the setting for every point that a write or a deletion passes."""
    return ",".join(armed(point, action) for point in ONCE)


async def write(caller: Caller, *image_ids: str) -> list[Outcome]:
    return await caller.write({image_id: next(versions) for image_id in image_ids})


async def delete(caller: Caller, *image_ids: str) -> list[Outcome]:
    return await caller.delete(image_ids)


async def recovered(place: Site, caller: Caller) -> None:
    """Start the service anew and judge what it says of every image, none of which is being changed."""
    await asyncio.to_thread(place.await_death, "search")
    caller.oracle.settle()
    await restart(place)
    await caller.every_image()


@pytest.mark.parametrize("point", WRITE)
async def test_a_writer_that_dies_leaves_the_old_version_or_the_new_one(
    place: Site, caller: Caller, point: str
) -> None:
    replaced, added = f"replaced-{point}", f"added-{point}"
    await write(caller, replaced)
    await restart(place, armed(point, "kill"))
    change = {replaced: next(versions), added: next(versions)}
    assert set(await caller.write(change)) == {Outcome.UNKNOWN}
    await recovered(place, caller)
    landed = await caller.look(added) is not None
    assert landed == (point == "records.commit.after"), "the commit is the one point from which on a write is there"
    await until_done(lambda: caller.write(change))
    assert await caller.look(replaced) == change[replaced]
    await caller.every_image()


@pytest.mark.parametrize("point", DELETE)
async def test_a_deletion_is_there_or_not(place: Site, caller: Caller, point: str) -> None:
    image_id = f"deleted-{point}"
    await write(caller, image_id)
    await restart(place, armed(point, "kill"))
    assert await caller.delete([image_id]) == [Outcome.UNKNOWN]
    await recovered(place, caller)
    assert (await caller.look(image_id) is None) == (point == "records.delete.after")
    await until_done(lambda: caller.delete([image_id]))
    assert await caller.look(image_id) is None


@pytest.mark.parametrize("point", SWEEP)
async def test_a_sweep_that_dies_is_gone_on_with(place: Site, caller: Caller, point: str) -> None:
    await write(caller, "swept", "swept-and-deleted")
    place.kill("search")
    await asyncio.to_thread(place.start, "search", armed(point, "kill"))
    # The sweep may come before the answer.
    await write(caller, "swept")
    await caller.delete(["swept-and-deleted"])
    await recovered(place, caller)


async def test_afterwards_nothing_is_left_over(place: Site, caller: Caller) -> None:
    await restart(place)
    await swept(place, caller)


async def test_an_answer_of_a_store_that_is_lost_costs_no_image(place: Site, caller: Caller) -> None:
    """At each step either store fails before it does its work, or after."""
    await restart(place, everywhere("error"))
    for change in (write, delete, write):
        await until_done(partial(change, caller, "unanswered"))
        await caller.look("unanswered")
    await swept(place, caller)


async def test_a_service_that_stops_and_goes_on_ends_what_it_was_at(place: Site, caller: Caller) -> None:
    await restart(place, everywhere("stop"))
    changing = asyncio.gather(write(caller, "stopped"), caller.delete(["stopped-too"]))
    for _ in ONCE:
        await asyncio.to_thread(place.await_stop, "search")
        place.go_on("search")
    await changing
    await swept(place, caller)
