"""The time that a call has left."""

import asyncio

import pytest

from servicekit import deadline
from servicekit.errors import DeadlineExceeded


async def test_a_block_that_takes_too_long_ends_with_the_stage_it_was_in() -> None:
    async def infer() -> None:
        async with deadline.limit(0.01):
            with deadline.stage("infer"):
                await asyncio.Event().wait()

    with pytest.raises(DeadlineExceeded, match="stage infer") as caught:
        await infer()
    assert caught.value.metadata == {"stage": "infer"}


async def test_before_any_stage_a_call_waits_in_the_queue() -> None:
    with pytest.raises(DeadlineExceeded, match="stage queue"):
        async with deadline.limit(0.01):
            await asyncio.Event().wait()


async def test_a_call_out_may_take_what_is_left_and_no_more_than_its_cap() -> None:
    async with deadline.limit(5.0):
        assert 4.5 < deadline.remaining(30.0) <= 5.0
        assert deadline.remaining(2.0) == 2.0


async def test_outside_a_call_only_the_cap_counts() -> None:
    assert deadline.remaining(7.0) == 7.0


async def test_nothing_is_called_once_nothing_is_left() -> None:
    async with deadline.limit(0.0):
        with deadline.stage("search"), pytest.raises(DeadlineExceeded, match="stage search"):
            deadline.remaining(30.0)


async def test_tasks_started_by_a_call_share_its_deadline() -> None:
    async with deadline.limit(5.0), asyncio.TaskGroup() as group:

        async def inner() -> float:
            return deadline.remaining(30.0)

        task = group.create_task(inner())
    assert task.result() <= 5.0


async def test_a_timeout_of_somebody_elses_is_not_the_callers_deadline() -> None:
    with pytest.raises(TimeoutError, match="the disk"):
        async with deadline.limit(5.0):
            raise TimeoutError("the disk")


async def test_the_deadline_ends_with_its_block() -> None:
    async with deadline.limit(5.0):
        pass
    assert deadline.remaining(30.0) == 30.0


async def test_a_limit_within_another_keeps_to_both_and_goes_on_with_the_stage() -> None:
    async with deadline.limit(5.0):
        with deadline.stage("search"):
            async with deadline.limit(60.0):
                assert deadline.remaining(30.0) <= 5.0
            with pytest.raises(DeadlineExceeded, match="stage search"):
                async with deadline.limit(0.01):
                    await asyncio.Event().wait()
        assert 4.0 < deadline.remaining(30.0) <= 5.0
