"""Calls of Embed at a rate, some of them with pictures that are made to do harm."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from benchmarks.embedder_load import EmbedCalls, calling, paced
from likeness.v1 import embedder_pb2, types_pb2
from servicekit import status
from tests.embedder_hostile import hostile_pictures


@dataclass
class Mixed:
    """What became of the calls: seconds, and what was not answered as it must be."""

    good: list[float] = field(default_factory=list)
    hostile: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class MixedCalls:
    """Calls with one picture each, a share of them hostile."""

    calls: EmbedCalls

    def mixed(self, calls_a_second: float, seconds: float, share: float) -> Mixed:
        """Make calls at a rate for some seconds, with good pictures and, in between, hostile ones."""
        return asyncio.run(self._mixed(calls_a_second, seconds, share))

    async def _mixed(self, calls_a_second: float, seconds: float, share: float) -> Mixed:
        outcomes, chance = Mixed(), random.Random(1)  # noqa: S311 no secret
        async with calling(self.calls.address) as embed:
            good = self.calls.requests()
            await embed(next(good))
            hostile = cycle(hostile_pictures(next(good).images[0].content).items())
            tasks = []
            async for _ in paced(calls_a_second, seconds):
                content, reason = next(hostile) if chance.random() < share else (b"", "")
                request = self._with(content) if content else next(good)
                taken = outcomes.hostile if content else outcomes.good
                tasks.append(asyncio.create_task(_noted(embed, request, reason, taken, outcomes.wrong)))
            await asyncio.gather(*tasks)
        return outcomes

    def _with(self, content: bytes) -> embedder_pb2.EmbedRequest:
        return embedder_pb2.EmbedRequest(images=[types_pb2.Image(content=content)], models=[self.calls.model])


async def _noted(
    embed: Any, request: embedder_pb2.EmbedRequest, reason: str, taken: list[float], wrong: list[str]
) -> None:
    """Make a call, and note what it took, and what is wrong unless it is refused for the reason, empty for none."""
    started = time.perf_counter()
    result = (await embed(request)).results[0]
    taken.append(time.perf_counter() - started)
    found = status.from_status(result.error).code_reason if result.HasField("error") else ""
    if found != reason:
        wrong.append(f"{found or 'OK'} in place of {reason or 'OK'}")
