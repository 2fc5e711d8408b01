"""Streams of images, over the services' twins: batches, order, and how much is read."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import pytest

from gateway.events import Acknowledged, Backoff, Item
from gateway.ports import Outcome
from servicekit.errors import Overloaded
from tests.fakes_gateway import fields
from tests.unit.gateway.conftest import Make
from tests.unit.gateway.streams import Caller, Gated, item, settled, until


async def test_every_item_is_answered_once_and_by_name(make: Make, gated: Gated) -> None:
    caller = Caller(make())
    caller.send(*(item(str(i)) for i in range(50)))
    caller.finish()
    await caller.ended()
    assert caller.events[0] == Backoff(12)
    assert sum(isinstance(event, Acknowledged) for event in caller.events) == 50
    assert {name: indexed.image_id for name, indexed in caller.answers.items()} == {
        f"item {i}": str(i) for i in range(50)
    }
    assert {indexed.outcome for indexed in caller.answers.values()} == {Outcome.CREATED}
    assert len(gated.collections["c"]) == 50
    assert max(map(len, gated.begun)) == 4


async def test_only_the_first_item_names_the_collection(make: Make) -> None:
    caller = Caller(make())
    caller.send(item("a"), item("b", collection=""), item("x", collection="other"))
    caller.finish()
    await caller.ended()
    assert [caller.answers[f"item {name}"].outcome for name in "ab"] == [Outcome.CREATED] * 2
    assert fields(caller.answers["item x"].error) == ["collection"]


async def test_a_name_that_is_too_long_fails_its_item_alone(make: Make) -> None:
    caller = Caller(make())
    caller.send(replace(item("a"), item_id="i" * 128), replace(item("b"), item_id="i" * 129))
    caller.finish()
    await caller.ended()
    assert caller.answers["i" * 128].outcome is Outcome.CREATED
    assert fields(caller.answers["i" * 129].error) == ["item_id"]


async def test_batches_are_under_way_at_once_and_over_all_streams_no_more_than_allowed(
    make: Make, gated: Gated
) -> None:
    gated.gate.clear()
    ingest = make(batches=2)
    callers = [Caller(ingest), Caller(ingest)]
    for name, caller in zip("ab", callers, strict=True):
        caller.send(*(item(f"{name}{i}") for i in range(12)))
        caller.finish()
    await until(lambda: len(gated.begun) == 2)
    await settled()
    gated.gate.set()
    for caller in callers:
        await caller.ended()
        assert len(caller.answers) == 12
    assert gated.most_at_once == 2


async def test_less_than_a_batch_does_not_go_when_a_place_is_free_but_when_it_has_to(make: Make, gated: Gated) -> None:
    gated.gate.clear()
    ingest = make(batches=2)
    first, second = Caller(ingest), Caller(ingest)
    first.send(*(item(f"a{i}") for i in range(8)))
    first.finish()
    await until(lambda: len(gated.begun) == 2)
    second.send(*(item(f"b{i}") for i in range(5)))
    await until(lambda: second.sent == 5)
    await settled()
    gated.gate.set()
    gated.gate.clear()
    await until(lambda: len(gated.begun) == 3)
    await first.ended()
    await settled()
    assert gated.begun[2:] == [["b0", "b1", "b2", "b3"]]
    second.finish()
    await until(lambda: gated.begun[3:] == [["b4"]])
    gated.gate.set()
    await second.ended()


async def test_a_lone_image_does_not_wait_and_later_ones_fill_a_batch(make: Make, gated: Gated) -> None:
    gated.gate.clear()
    caller = Caller(make())
    caller.send(item("a"))
    await until(lambda: gated.begun == [["a"]])
    caller.send(item("b"), item("c"), item("d"))
    await settled()
    assert len(gated.begun) == 1, "less than a batch waits while something is under way"
    caller.send(item("e"))
    await until(lambda: gated.begun[1:] == [["b", "c", "d", "e"]])
    gated.gate.set()
    caller.finish()
    await caller.ended()


async def test_an_idle_stream_waits_a_little_for_a_fuller_batch(make: Make, gated: Gated) -> None:
    caller = Caller(make(linger_seconds=1))
    caller.send(item("a"))
    await settled()
    caller.send(item("b"))
    await settled()
    assert gated.begun == []
    caller.finish()
    await caller.ended()
    assert gated.begun == [["a", "b"]]


async def test_answers_come_in_the_order_in_which_batches_are_done(make: Make, gated: Gated) -> None:
    gated.gate.clear()
    gated.failures = [Overloaded("x", retry_after_seconds=0.0)]
    caller = Caller(make())
    caller.send(*(item(str(i)) for i in range(8)))
    caller.finish()
    await until(lambda: len(gated.begun) == 2)
    gated.gate.set()
    await caller.ended()
    assert list(caller.answers) == [f"item {i}" for i in (4, 5, 6, 7, 0, 1, 2, 3)]


async def test_reading_stops_while_too_much_is_unanswered(make: Make, gated: Gated) -> None:
    gated.gate.clear()
    caller = Caller(make())
    caller.send(*(item(str(i)) for i in range(100)))
    await until(lambda: caller.sent == 13)
    await settled()
    assert caller.sent == 13, "one more than may be unanswered"
    assert caller.events == [Backoff(12), Backoff(12)]
    gated.gate.set()
    caller.finish()
    await caller.ended()
    assert len(caller.answers) == 100


async def test_reading_stops_while_too_many_bytes_are_unanswered(make: Make, gated: Gated) -> None:
    gated.gate.clear()
    caller = Caller(make(window_bytes=1000))
    caller.send(*(item(str(i), bytes([i]) * 300) for i in range(10)))
    await until(lambda: caller.sent == 4)
    await settled()
    assert caller.sent == 4
    gated.gate.set()
    caller.finish()
    await caller.ended()
    assert len(caller.answers) == 10


@pytest.mark.parametrize("broken", [False, True], ids=["of a batch", "of items that never come into one"])
async def test_a_caller_who_takes_no_answers_is_not_read_on(make: Make, broken: bool) -> None:
    sent: list[Item] = []

    async def items() -> AsyncIterator[Item]:
        while True:
            good = item(str(len(sent)))
            sent.append(replace(good, entry=None) if broken else good)
            yield sent[-1]

    async with aclosing(make().run(items())) as events:
        await anext(events)
        await anext(events)
        await until(lambda: len(sent) == 13)
        await settled()
        assert len(sent) == 13


async def test_one_id_twice_is_applied_in_order(make: Make, gated: Gated) -> None:
    caller = Caller(make())
    caller.send(*(item(f"{i}", image_id="same") for i in range(6)), item("other"))
    caller.finish()
    await caller.ended()
    assert [caller.answers[f"item {i}"].outcome for i in range(6)] == [Outcome.CREATED] + [Outcome.UPDATED] * 5
    assert list(caller.answers)[:2] == ["item 0", "item other"]
    assert [batch.count("same") for batch in gated.begun] == [1] * 6
    assert gated.collections["c"]["same"][0] == caller.answers["item 5"].content_sha256


async def test_one_content_twice_without_an_id_is_one_id_twice(make: Make) -> None:
    caller = Caller(make())
    caller.send(item("1", b"same", ""), item("2", b"same", ""))
    caller.finish()
    await caller.ended()
    assert [indexed.outcome for indexed in caller.answers.values()] == [Outcome.CREATED, Outcome.UNCHANGED]
    assert len({indexed.image_id for indexed in caller.answers.values()}) == 1
