"""The bound on calls in flight."""

import asyncio
from contextlib import ExitStack

import pytest

from servicekit.admission import Admission
from servicekit.errors import Overloaded


async def test_places_are_refused_over_the_bound_and_given_back() -> None:
    admission = Admission(2, 2)
    with ExitStack() as places:
        places.enter_context(admission.place())
        places.enter_context(admission.place())
        with pytest.raises(Overloaded, match="2 calls"), admission.place():
            pass
    with admission.place():
        pass


async def test_a_place_is_given_back_when_its_call_fails() -> None:
    admission = Admission(1, 1)
    for _ in range(3):
        with pytest.raises(ValueError, match="bad"), admission.place():
            raise ValueError("bad")


async def test_idle_waits_for_the_last_call() -> None:
    admission = Admission(2, 2)
    await admission.idle()
    with ExitStack() as first, ExitStack() as second:
        first.enter_context(admission.place())
        second.enter_context(admission.place())
        waiting = asyncio.create_task(admission.idle())
        first.close()
        done, _ = await asyncio.wait({waiting}, timeout=0.02)
        assert not done
    await waiting


async def test_quiet_outlasts_a_call_that_comes_late() -> None:
    admission = Admission(1, 1)
    waiting = asyncio.create_task(admission.quiet(0.2))
    await asyncio.wait({waiting}, timeout=0.02)
    with admission.place():
        done, _ = await asyncio.wait({waiting}, timeout=0.4)
        assert not done
    await waiting


async def test_streams_leave_places_for_other_calls() -> None:
    admission = Admission(3, 1)
    with admission.place(stream=True):
        with pytest.raises(Overloaded, match="1 streams"), admission.place(stream=True):
            pass
        with admission.place(), admission.place(), pytest.raises(Overloaded, match="3 calls"), admission.place():
            pass
    with admission.place(stream=True):
        pass
