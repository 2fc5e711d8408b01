"""Writers, deleters and searchers who go on while what they use dies."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Protocol

from tests.oracle import Oracle, Outcome

_BATCH = 4


class Caller(Protocol):
    """What a member of the crowd does. Nothing raises while things are away."""

    oracle: Oracle

    async def write(self, versions: dict[str, int]) -> list[Outcome]:
        """Write images in these versions."""

    async def delete(self, image_ids: Sequence[str]) -> list[Outcome]:
        """Delete images."""

    async def glance(self, image_id: str, version: int) -> bool:
        """Look an image up and search with a version's vectors; judge what is answered, and say if both were."""


class Crowd:
    """Everybody who is at work on one collection. What each does follows from the seed."""

    def __init__(self, callers: Sequence[Caller], image_ids: Sequence[str], seed: int) -> None:
        self._callers = callers
        self._image_ids = image_ids
        self._seed = seed
        self._versions = count(1)
        self._round = 0

    @asynccontextmanager
    async def at_work(self, *, writers: int, searchers: int) -> AsyncIterator[None]:
        """Let everybody work while the block runs; at its end everybody has been answered."""
        self._round += 1
        done = asyncio.Event()
        async with asyncio.TaskGroup() as everybody:
            for number in range(writers):
                everybody.create_task(self._write(done, self._drawn(number)))
            for number in range(searchers):
                everybody.create_task(self._search(done, self._drawn(writers + number)))
            try:
                yield
            finally:
                done.set()

    def _drawn(self, number: int) -> random.Random:
        return random.Random(f"{self._seed} {self._round} {number}")

    async def _write(self, done: asyncio.Event, draw: random.Random) -> None:
        while not done.is_set():
            caller, image_ids = draw.choice(self._callers), draw.sample(self._image_ids, draw.randint(1, _BATCH))
            if draw.random() < 0.25:
                told = await caller.delete(image_ids)
            else:
                told = await caller.write({image_id: next(self._versions) for image_id in image_ids})
            await _breathe(told)

    async def _search(self, done: asyncio.Event, draw: random.Random) -> None:
        while not done.is_set():
            version = draw.randint(1, 1000)
            await draw.choice(self._callers).glance(draw.choice(self._image_ids), version)
            await asyncio.sleep(0.01)


async def _breathe(told: Sequence[Outcome]) -> None:
    """Let others have their turn; wait a little where nobody answers."""
    await asyncio.sleep(0.02 if Outcome.UNKNOWN in told else 0)
