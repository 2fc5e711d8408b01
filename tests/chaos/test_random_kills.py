"""Rounds of kill -9 under a crowd. `SEED=` repeats a run; `ROUNDS=` makes it longer: `make chaos`."""

import asyncio
import os
import random
import secrets
from collections import Counter

import pytest

from tests.chaos.caller import Caller
from tests.chaos.crowd import Crowd
from tests.chaos.site import Site
from tests.chaos.stored import swept
from tests.oracle import Outcome

ROUNDS = int(os.environ.get("ROUNDS", "12"))
SEED = int(os.environ.get("SEED") or secrets.randbelow(10**9))
IMAGE_IDS = [f"image-{number}" for number in range(40)]
VICTIMS = ("search", "redis", "lite")
# Rounds between two comparisons of all counts, which wait for a sweep.
COMPARED_EVERY = 6
WRITERS, SEARCHERS = 8, 2
RECOVERY_SECONDS = 20.0


class Executioner:
    """Kills some of the processes in each round, in some order, after some time, and starts them again."""

    def __init__(self, place: Site, seed: int) -> None:
        self._place = place
        self._draw = random.Random(seed)
        self.killed: Counter[str] = Counter()

    async def strike(self) -> None:
        """Kill, and return once all is up again."""
        await asyncio.sleep(self._draw.uniform(0.1, 0.5))
        victims = self._draw.sample(VICTIMS, self._draw.randint(1, len(VICTIMS)))
        for victim in victims:
            await asyncio.to_thread(self._place.kill, victim)
            self.killed[victim] += 1
            await asyncio.sleep(self._draw.choice([0, 0, self._draw.uniform(0, 0.2)]))
        for victim in self._draw.sample(victims, len(victims)):
            if victim != "lite":
                await asyncio.to_thread(self._place.launch, victim)
        for name in ("redis", "search"):
            await asyncio.to_thread(self._place.ready, name)
        await asyncio.sleep(self._draw.uniform(0, 0.2))


async def test_nothing_acknowledged_is_lost_whatever_dies(
    place: Site, caller: Caller, capsys: pytest.CaptureFixture[str]
) -> None:
    crowd, executioner = Crowd([caller], IMAGE_IDS, SEED), Executioner(place, SEED)
    print(f"SEED={SEED} ROUNDS={ROUNDS}")
    for number in range(1, ROUNDS + 1):
        async with crowd.at_work(writers=WRITERS, searchers=SEARCHERS):
            await executioner.strike()
        await caller.recovered(RECOVERY_SECONDS)
        assert place.errors() == []
        caller.oracle.settle()
        await caller.every_image()
        if number % COMPARED_EVERY == 0 or number == ROUNDS:
            await swept(place, caller)
    told = {outcome.value: caller.oracle.outcomes[outcome] for outcome in Outcome}
    with capsys.disabled():
        print(f"\n{ROUNDS} rounds, killed {dict(executioner.killed)}, operations {told}")
    assert caller.oracle.outcomes[Outcome.DONE] > 10 * ROUNDS, "the crowd did hardly anything"
