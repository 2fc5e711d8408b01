"""The queue in front of a model: who goes first, what is not done at all, and how much is done at once."""

import asyncio
from collections.abc import Sequence
from typing import Never

import numpy as np
import pytest

from embedder_service.line import Bounds, Line
from embedder_service.model_card import ModelCard
from embedder_service.ports import Model, Observer, Pixels, RunFailed, Vectors
from embedder_service.turnstile import Turnstile
from servicekit import deadline, errors
from tests import embedder_models


class Gated(Model):
    """Gives each picture's first sample; each run waits until it is let through. Notes what it was given."""

    def __init__(self) -> None:
        self._card = ModelCard.model_validate(embedder_models.card("gated", b"", 1))
        self.begun: asyncio.Queue[tuple[list[int], bool]] = asyncio.Queue()
        self.let_through = asyncio.Semaphore(0)
        self.given_up: list[int] = []
        self.bad: int | None = None

    @property
    def card(self) -> ModelCard:
        return self._card

    async def infer(self, images: Sequence[Pixels], *, alone: bool = True) -> Vectors:
        values = [int(image.flat[0]) for image in images]
        self.begun.put_nowait((values, alone))
        try:
            await self.let_through.acquire()
        except asyncio.CancelledError:
            self.given_up += values
            raise
        if self.bad in values:
            raise RuntimeError("no")
        return np.array(values, np.float32)[:, None]

    def close(self) -> None:
        pass


@pytest.fixture
def model() -> Gated:
    return Gated()


def line(model: Gated, *, runs: int = 1, max_batch: int = 1, max_waiting: int = 64) -> Line:
    return Line(model, Turnstile(runs), Bounds(max_batch, max_waiting, max_ahead=64), Observer())


def picture(value: int) -> Pixels:
    return np.full((8, 8, 3), value, np.uint8)


def start(at: Line, value: int, *, bulk: bool = False) -> "asyncio.Task[Vectors]":
    return asyncio.create_task(at.infer(picture(value), bulk=bulk))


async def begun(model: Gated) -> list[int]:
    return (await model.begun.get())[0]


async def test_each_caller_gets_its_own_vector(model: Gated) -> None:
    at = line(model, max_batch=8)
    tasks = [start(at, value) for value in range(10)]
    model.let_through = asyncio.Semaphore(100)
    model.let_through.release()
    assert [int(vector[0]) for vector in await asyncio.gather(*tasks)] == list(range(10))


async def test_calls_go_before_streams_and_else_in_order(model: Gated) -> None:
    at = line(model)
    first = start(at, 0)
    assert await begun(model) == [0]
    tasks = [start(at, 1, bulk=True), start(at, 2, bulk=True), start(at, 3), start(at, 4)]
    order = []
    for _ in tasks:
        await asyncio.sleep(0)
        model.let_through.release()
        order += await begun(model)
    model.let_through.release()
    await asyncio.gather(first, *tasks)
    assert order == [3, 4, 1, 2]


async def test_what_is_given_up_while_it_waits_is_never_run(model: Gated) -> None:
    at = line(model)
    first, second, third = (start(at, value) for value in (1, 2, 3))
    assert await begun(model) == [1]
    second.cancel()
    model.let_through.release()
    assert await begun(model) == [3]
    model.let_through.release()
    await asyncio.gather(first, third)
    assert second.cancelled()


async def test_a_run_that_nobody_waits_for_is_ended_and_its_place_free(model: Gated) -> None:
    at = line(model, max_batch=2)
    first = start(at, 0)
    await begun(model)
    pair = [start(at, 1), start(at, 2)]
    await asyncio.sleep(0)
    model.let_through.release()
    assert await begun(model) == [1, 2]
    pair[0].cancel()
    await asyncio.sleep(0)
    assert not model.given_up
    pair[1].cancel()
    await asyncio.wait(pair)
    last = start(at, 3)
    assert await begun(model) == [3]
    assert model.given_up == [1, 2]
    model.let_through.release()
    await asyncio.gather(first, last)


async def test_a_lone_run_is_told_so_and_runs_side_by_side_too(model: Gated) -> None:
    at = line(model, runs=2, max_batch=8)
    tasks = [start(at, 1), start(at, 2)]
    assert await model.begun.get() == ([1], False)
    assert await model.begun.get() == ([2], False)
    model.let_through = asyncio.Semaphore(2)
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    model.let_through.release()
    await start(at, 3)
    assert await model.begun.get() == ([3], True)


async def test_what_waits_is_shared_out_among_the_places(model: Gated) -> None:
    """Of ten, two run alone; the other eight go in two batches of four, not in one of eight."""
    at = line(model, runs=2, max_batch=8)
    tasks = [start(at, 0), start(at, 1)]
    assert [await begun(model), await begun(model)] == [[0], [1]]
    tasks += [start(at, value) for value in range(2, 10)]
    await asyncio.sleep(0)
    for _ in range(2):
        model.let_through.release()
    assert [await begun(model), await begun(model)] == [[2, 3, 4, 5], [6, 7]]
    for _ in range(10):
        model.let_through.release()
    await asyncio.gather(*tasks)


async def test_a_run_that_fails_fails_the_image_alone_that_is_at_fault(model: Gated) -> None:
    at = line(model, max_batch=8)
    model.bad = 2
    first = start(at, 0)
    assert await begun(model) == [0]
    tasks = [start(at, value) for value in (1, 2, 3)]
    await asyncio.sleep(0)
    for _ in range(5):
        model.let_through.release()
    assert [await begun(model) for _ in range(4)] == [[1, 2, 3], [1], [2], [3]]
    good, bad, good_too = await asyncio.gather(*tasks, return_exceptions=True)
    assert [await first, good, good_too] == [[0], [1], [3]]
    assert isinstance(bad, RunFailed)
    assert str(bad) == "gated fails at it"


async def test_a_call_goes_before_other_models_though_a_stream_of_its_own_waits(model: Gated) -> None:
    places = Turnstile(1)
    bounds = Bounds(max_batch=1, max_waiting=64, max_ahead=64)
    own, one, other = (Line(model, places, bounds, Observer()) for _ in range(3))
    tasks = [start(one, 1), start(other, 2), start(own, 3, bulk=True)]
    assert await begun(model) == [1]
    tasks += [start(own, 4), start(one, 5), start(other, 6)]
    await asyncio.sleep(0)
    order = []
    for _ in tasks[1:]:
        model.let_through.release()
        order += await begun(model)
    model.let_through.release()
    await asyncio.gather(*tasks)
    assert order.index(4) <= 2
    assert order[-1] == 3


async def test_more_than_may_wait_are_refused_at_once(model: Gated) -> None:
    at = line(model, max_waiting=5)
    with at.admit(4):
        with pytest.raises(errors.Overloaded) as caught, at.admit(2):
            pass
        assert caught.value.message == "4 images are waiting already; the limit is 5"
        assert caught.value.retry_after_seconds == 0.5
        with at.admit(1):
            assert at.admitted == 5
    assert at.admitted == 0


async def test_what_would_be_too_late_is_refused_while_others_wait(model: Gated) -> None:
    at = line(model)
    at._note(images=1, seconds=2.0)
    async with deadline.limit(10):
        with at.admit(10), pytest.raises(errors.DeadlineExceeded) as caught, at.admit(1):
            pass
        assert caught.value.metadata == {"stage": "queue"}
    async with deadline.limit(1):
        with at.admit(1):  # nobody is before it: it is tried, whatever is expected
            assert at.admitted == 1


async def test_a_place_that_comes_as_its_caller_goes_is_passed_on() -> None:
    turnstile = Turnstile(1)
    await turnstile.enter()
    waiting = [asyncio.create_task(turnstile.enter()) for _ in range(3)]
    await asyncio.sleep(0)
    turnstile.leave()  # to the first, which is cancelled before it hears of it
    waiting[0].cancel()
    waiting[1].cancel()
    await waiting[2]
    assert (turnstile.inside, turnstile.waiting) == (1, 0)
    turnstile.leave()
    assert turnstile.inside == 0


async def test_a_run_that_cannot_even_begin_fails_its_picture(model: Gated) -> None:
    class Unable(Gated):
        def infer(self, images: Sequence[Pixels], *, alone: bool = True) -> Never:
            raise RuntimeError("can't start new thread")

    at = line(Unable())
    async with asyncio.timeout(10):
        for _ in range(3):
            with pytest.raises(RunFailed):
                await start(at, 1)
