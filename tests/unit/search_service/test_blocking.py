"""Blocking calls on threads: nobody waits longer than his time, and the threads come back."""

import threading
import time
from collections.abc import Callable

import pytest

from search_service.blocking import Budget, Threads
from search_service.breaker import Breaker
from servicekit import deadline
from servicekit.errors import DeadlineExceeded


async def within(seconds: float, threads: Threads, call: Callable[[Budget], object]) -> object:
    """Run a call as a request does that has so long."""
    async with deadline.limit(seconds):
        with deadline.stage("search"):
            return await threads.run(call)


async def test_a_call_that_hangs_ends_by_the_callers_deadline_with_its_stage() -> None:
    threads, go_on = Threads("test", 1, 30), threading.Event()
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded) as ended:
        await within(0.1, threads, lambda _: go_on.wait())
    assert time.monotonic() - began < 0.2
    assert ended.value.metadata == {"stage": "search"}
    go_on.set()
    assert await threads.run(lambda _: 7) == 7
    threads.close()


async def test_a_call_that_hangs_ends_by_the_longest_wait() -> None:
    threads, go_on = Threads("test", 1, 0.05), threading.Event()
    with pytest.raises(TimeoutError):
        await threads.run(lambda _: go_on.wait())
    go_on.set()
    threads.close()


async def test_a_call_that_waited_for_a_thread_in_vain_is_not_made() -> None:
    threads, go_on, made = Threads("test", 1, 30), threading.Event(), threading.Event()
    with pytest.raises(DeadlineExceeded):
        await within(0.05, threads, lambda _: go_on.wait())
    with pytest.raises(DeadlineExceeded):
        await within(0.05, threads, lambda _: made.set())
    go_on.set()
    threads.close()
    assert not made.is_set()


def test_a_budget_runs_out() -> None:
    assert 0 < Budget(1).left() <= 1
    with pytest.raises(TimeoutError):
        Budget(0).left()


def test_a_breaker_opens_when_a_check_fails_and_closes_at_an_answer() -> None:
    breaker = Breaker()
    assert not breaker.is_open
    breaker.failed(since=time.monotonic())
    assert breaker.is_open
    breaker.answered()
    assert not breaker.is_open


def test_a_breaker_does_not_open_while_calls_are_answered() -> None:
    breaker, began = Breaker(), time.monotonic()
    breaker.answered()
    breaker.failed(since=began)
    assert not breaker.is_open
