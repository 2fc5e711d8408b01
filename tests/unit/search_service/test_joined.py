"""Questions that go together: who is answered by which call, and that nobody harms another."""

import asyncio
from collections.abc import Sequence

import pytest

from search_service.joined import Joined, Joining
from servicekit import deadline
from servicekit.errors import BackendUnavailable, DeadlineExceeded


class Doubling:
    """Answers with twice the question, once it is let."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[int]]] = []
        self.left_seconds: list[float] = []
        self.let = asyncio.Event()
        self.began = asyncio.Event()

    async def __call__(self, kind: str, questions: Sequence[int]) -> list[int]:
        self.calls.append((kind, list(questions)))
        self.left_seconds.append(deadline.remaining(1000))
        self.began.set()
        await self.let.wait()
        if 13 in questions:
            raise BackendUnavailable("thirteen")
        return [2 * question for question in questions]


def joined(call: Doubling, calls: int = 1, questions: int = 16) -> Joined[str, int, int]:
    return Joined(call, Joining(30, calls, questions))


async def asked(*wanted: "tuple[Joined[str, int, int], str, int]") -> list[asyncio.Task[int]]:
    """Ask in this order, and return once all have."""
    tasks = [asyncio.create_task(together.ask(kind, question)) for together, kind, question in wanted]
    await asyncio.wait(tasks, timeout=0)
    return tasks


async def test_a_lone_question_goes_out_at_once() -> None:
    call = Doubling()
    call.let.set()
    assert await joined(call).ask("a", 1) == 2
    assert call.calls == [("a", [1])]


async def test_what_comes_meanwhile_goes_together_and_each_gets_his_own_answer() -> None:
    call = Doubling()
    together = joined(call)
    tasks = await asked(*((together, "a", number) for number in range(5)))
    call.let.set()
    assert await asyncio.gather(*tasks) == [0, 2, 4, 6, 8]
    assert call.calls == [("a", [0]), ("a", [1, 2, 3, 4])]


async def test_calls_are_of_one_kind_and_kinds_do_not_wait_for_each_other() -> None:
    call = Doubling()
    together = joined(call)
    tasks = await asked((together, "a", 1), (together, "b", 2))
    call.let.set()
    assert await asyncio.gather(*tasks) == [2, 4]
    assert call.calls == [("a", [1]), ("b", [2])]


async def test_a_call_has_no_more_questions_than_it_may() -> None:
    call = Doubling()
    together = joined(call, calls=2, questions=3)
    tasks = await asked(*((together, "a", number) for number in range(8)))
    call.let.set()
    await asyncio.gather(*tasks)
    assert [len(questions) for _, questions in call.calls] == [1, 1, 3, 3]


async def test_an_error_is_everyones_in_the_call_and_of_no_other() -> None:
    call = Doubling()
    together = joined(call)
    tasks = await asked(*((together, "a", number) for number in (1, 13, 2)))
    call.let.set()
    first, second, third = await asyncio.gather(*tasks, return_exceptions=True)
    assert first == 2
    assert isinstance(second, BackendUnavailable)
    assert isinstance(third, BackendUnavailable)
    assert await together.ask("a", 3) == 6


async def test_one_who_goes_is_not_asked_for_and_takes_nobody_along() -> None:
    call = Doubling()
    together = joined(call)
    first, gone, last = await asked(*((together, "a", number) for number in (1, 2, 3)))
    first.cancel()
    gone.cancel()
    call.let.set()
    assert await last == 6
    assert call.calls == [("a", [1]), ("a", [3])]


async def test_everyone_waits_for_no_longer_than_his_own_time() -> None:
    call = Doubling()
    together = joined(call)

    async def within(seconds: float, number: int) -> int:
        async with deadline.limit(seconds):
            return await together.ask("a", number)

    lone = asyncio.create_task(within(0.05, 0))
    await call.began.wait()
    hasty, patient = (asyncio.create_task(within(seconds, 1)) for seconds in (0.2, 20))
    with pytest.raises(DeadlineExceeded):
        await lone
    call.let.set()
    assert (await hasty, await patient) == (2, 2)
    assert 19 < call.left_seconds[1] <= 20.1


async def test_nothing_is_left_of_a_kind_that_is_answered() -> None:
    call = Doubling()
    call.let.set()
    together = joined(call)
    for number in range(3):
        await together.ask(str(number), number)
    await asyncio.sleep(0)
    assert not together._waiting
    assert not together._under_way
