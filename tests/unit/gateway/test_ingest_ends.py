"""Streams of images, over the services' twins: what goes wrong, and how they end."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from gateway.events import Backoff, Draining, Item
from gateway.indexing import Indexer
from gateway.ingest import Ingest
from gateway.persistence import Patience, PersistentIndexer
from gateway.ports import Embedded, Indexed, Outcome, Version
from servicekit.errors import DeadlineExceeded, Internal, InvalidField, NotFound, Overloaded, ServiceError, Unavailable
from tests.fakes_gateway import MemoryEmbedder, fields
from tests.unit.gateway.conftest import Make
from tests.unit.gateway.streams import BOUNDS, Caller, Gated, item, one_is_indexed, settled, until


async def test_bad_items_fail_alone_and_name_the_messages_own_fields(make: Make) -> None:
    caller = Caller(make())
    missing = Item("item missing", "c", None)
    caller.send(item("good"), missing, item("bad"), item("empty", b""), item("bad id"), item("fine"))
    caller.finish()
    await caller.ended()
    assert {name: fields(indexed.error) for name, indexed in caller.answers.items() if indexed.error} == {
        "item missing": ["entry"],
        "item bad": ["entry.image.content"],
        "item empty": ["entry.image"],
        "item bad id": ["entry.image_id"],
    }
    assert all(indexed.error.message.startswith("entry") for indexed in caller.answers.values() if indexed.error)


async def test_a_stream_about_no_collection_fails(make: Make) -> None:
    caller = Caller(make())
    caller.send(item("a", collection=""))
    with pytest.raises(InvalidField, match="collection"):
        await caller.ended()


async def test_a_stream_about_an_unknown_collection_fails_and_gives_its_places_back(make: Make, gated: Gated) -> None:
    ingest = make(batches=1)
    caller = Caller(ingest)
    caller.send(*(item(str(i), collection="none") for i in range(30)))
    with pytest.raises(NotFound):
        await caller.ended()
    await one_is_indexed(ingest)


async def test_a_stream_of_nothing_ends_well(make: Make) -> None:
    caller = Caller(make())
    caller.finish()
    await caller.ended()
    assert caller.events == [Backoff(12)]


@pytest.mark.parametrize("error", [Unavailable("away", retry_after_seconds=0.0), DeadlineExceeded("slow")])
async def test_a_batch_is_tried_again_while_a_service_is_away(make: Make, gated: Gated, error: ServiceError) -> None:
    gated.failures = [error]
    caller = Caller(make())
    caller.send(item("a"))
    caller.finish()
    await caller.ended()
    assert caller.answers["item a"].outcome is Outcome.CREATED
    assert gated.begun == [["a"], ["a"]]


async def test_an_attempt_that_takes_too_long_is_given_up(make: Make, gated: Gated) -> None:
    gated.gate.clear()
    caller = Caller(make(attempt_seconds=0.01))
    caller.send(item("a"))
    caller.finish()
    await until(lambda: len(gated.begun) == 2)
    gated.gate.set()
    await caller.ended()
    assert caller.answers["item a"].outcome is Outcome.CREATED


async def test_where_patience_ends_each_item_says_so_and_the_stream_goes_on(make: Make, gated: Gated) -> None:
    gated.failures = [Overloaded("full")]
    caller = Caller(make(patience_seconds=0))
    caller.send(item("a"), item("b"))
    await until(lambda: len(caller.answers) == 2)
    caller.send(item("c"))
    caller.finish()
    await caller.ended()
    errors = [caller.answers[f"item {name}"].error for name in "ab"]
    assert [error.code_reason for error in errors if error] == ["OVERLOADED"] * 2
    assert caller.answers["item c"].outcome is Outcome.CREATED


class Poisoned(Gated):
    """Fails as a whole on any batch that holds the image `poison`."""

    async def upsert(self, collection: str, images: Sequence[tuple[Version, Embedded]]) -> list[Indexed]:
        if "poison" in {version.image_id for version, _ in images}:
            raise Internal("internal error; request id 7")
        return await super().upsert(collection, images)


async def test_an_image_that_fails_its_whole_batch_fails_alone(
    embedder: MemoryEmbedder, draining: asyncio.Event
) -> None:
    gated = Poisoned()
    persistent = PersistentIndexer(Indexer(embedder, gated), Patience(60, 5))
    caller = Caller(Ingest(persistent, BOUNDS, batches=1, draining=draining))
    caller.send(*(item(name) for name in ("a", "b", "poison", "c")))
    caller.finish()
    await caller.ended()
    assert [name for name, indexed in caller.answers.items() if indexed.error] == ["item poison"]
    assert set(gated.collections["c"]) == {"a", "b", "c"}


async def test_a_drain_answers_what_is_under_way_and_ends_the_stream(
    make: Make, gated: Gated, draining: asyncio.Event
) -> None:
    gated.gate.clear()
    caller = Caller(make(batches=2))
    caller.send(*(item(str(i)) for i in range(100)))
    await until(lambda: gated.at_once == 2)
    draining.set()
    await until(lambda: Draining() in caller.events)
    assert caller.answers == {}
    gated.gate.set()
    await caller.ended()
    assert set(caller.answers) == {f"item {i}" for i in range(8)}
    assert set(gated.collections["c"]) == {str(i) for i in range(8)}


async def test_a_stream_that_begins_in_a_drain_ends_at_once(make: Make, draining: asyncio.Event) -> None:
    draining.set()
    caller = Caller(make())
    await caller.ended()
    assert caller.events == [Backoff(12), Draining()]


async def test_the_work_of_a_caller_who_leaves_has_stopped_when_the_stream_is_closed(make: Make, gated: Gated) -> None:
    async def items() -> AsyncIterator[Item]:
        for i in range(8):
            yield item(str(i))
        await asyncio.Event().wait()

    gated.gate.clear()
    ingest = make(batches=2)
    before = asyncio.all_tasks()
    events = ingest.run(items())
    assert await anext(events) == Backoff(12)
    left: list[int] = []

    async def take() -> None:
        try:
            await anext(events)
        finally:
            left.append(gated.at_once)

    waiting = asyncio.create_task(take())
    await until(lambda: gated.at_once == 2)
    waiting.cancel()
    await asyncio.wait({waiting})
    assert left == [0]
    assert asyncio.all_tasks() == before
    gated.gate.set()
    await one_is_indexed(ingest)


async def test_a_caller_who_leaves_while_all_places_are_taken_takes_none_along(make: Make, gated: Gated) -> None:
    gated.gate.clear()
    ingest = make(batches=1)
    first, second = Caller(ingest), Caller(ingest)
    first.send(item("a"))
    await until(lambda: gated.at_once == 1)
    second.send(item("b"))
    await until(lambda: second.sent == 1)
    await settled()
    await second.leave()
    gated.gate.set()
    first.finish()
    await first.ended()
    await one_is_indexed(ingest)
