"""Rounds of kill -9 under a crowd. `SEED=` repeats what is drawn, `ROUNDS=` says how many there are: `make chaos`."""

import asyncio
import os
import random
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from tests.chaos.caller import Caller
from tests.chaos.crowd import Crowd
from tests.oracle import Outcome

SEED = int(os.environ.get("SEED") or secrets.randbelow(10**9))
WRITERS, SEARCHERS = 8, 2
RECOVERY_SECONDS = 20.0
# Rounds between two comparisons of all counts, which wait for a sweep.
_COMPARED_EVERY = 6
# The share of rounds in which a process is stopped first, for longer than a write may take.
_PAUSES = 0.3
_LONGEST_PAUSE_SECONDS = 3.0


class Place(Protocol):
    """Where processes die."""

    def kill(self, name: str) -> None:
        """kill -9."""

    def pause(self, name: str) -> None:
        """SIGSTOP."""

    def go_on(self, name: str) -> None:
        """SIGCONT."""

    def revive(self, names: Sequence[str]) -> None:
        """Start what was killed, and return once it is ready."""

    def errors(self) -> list[str]:
        """Return what the services have logged as errors since their last start."""


class Executioner:
    """Kills some of the processes, in some order, after some time; now and then one is stopped for a while instead."""

    def __init__(self, place: Place, victims: Sequence[str], seed: int) -> None:
        self._place = place
        self._victims = victims
        self._draw = random.Random(seed)
        self.killed: Counter[str] = Counter()
        self.paused: Counter[str] = Counter()

    async def strike(self) -> None:
        """Kill, and return once all is up again."""
        await asyncio.sleep(self._draw.uniform(0.1, 0.5))
        if self._draw.random() < _PAUSES:
            await self._pause(self._draw.choice(self._victims))
        victims = self._draw.sample(self._victims, self._draw.randint(1, len(self._victims)))
        for victim in victims:
            await asyncio.to_thread(self._place.kill, victim)
            self.killed[victim] += 1
            await asyncio.sleep(self._draw.choice([0, 0, self._draw.uniform(0, 0.2)]))
        await asyncio.to_thread(self._place.revive, self._draw.sample(victims, len(victims)))
        await asyncio.sleep(self._draw.uniform(0, 0.2))

    async def _pause(self, victim: str) -> None:
        """What it was sent meanwhile, it does afterwards, though nobody waits for it any more."""
        self._place.pause(victim)
        self.paused[victim] += 1
        await asyncio.sleep(self._draw.uniform(0.1, _LONGEST_PAUSE_SECONDS))
        self._place.go_on(victim)
        await asyncio.sleep(self._draw.uniform(0, 0.2))


@dataclass
class Rounds:
    """A crowd at work on some images, and an executioner among what it uses.

    Args:
        compared: Judges all that is stored once it has been swept.
    """

    place: Place
    caller: Caller
    victims: Sequence[str]
    image_ids: Sequence[str]
    compared: Callable[[], Awaitable[None]]

    def __post_init__(self) -> None:
        self._executioner = Executioner(self.place, self.victims, SEED)
        self._crowd = Crowd([self.caller], self.image_ids, SEED)
        self._slowest_seconds = 0.0

    async def play(self, rounds: int) -> str:
        """Judge everything after each round; return what happened, in words."""
        print(f"SEED={SEED} ROUNDS={rounds}")
        for number in range(1, rounds + 1):
            await self._play()
            if number % _COMPARED_EVERY == 0 or number == rounds:
                await self.compared()
        assert self.caller.oracle.outcomes[Outcome.DONE] > 10 * rounds, "the crowd did hardly anything"
        return f"SEED={SEED}: {rounds} rounds, {self._told()}"

    async def _play(self) -> None:
        async with self._crowd.at_work(writers=WRITERS, searchers=SEARCHERS):
            await self._executioner.strike()
        self._slowest_seconds = max(self._slowest_seconds, await self.caller.recovered(RECOVERY_SECONDS))
        assert self.place.errors() == []
        self.caller.oracle.settle()
        await self.caller.every_image()

    def _told(self) -> str:
        killed, told = self._executioner.killed, self.caller.oracle.outcomes
        paused = self._executioner.paused.total()
        kills = f"{killed.total()} kills {dict(killed)}, {paused} stops, slowest recovery {self._slowest_seconds:.1f} s"
        changes = ", ".join(f"{told[outcome]} {outcome.value}" for outcome in Outcome)
        return f"{kills}; changes of images: {changes}"
