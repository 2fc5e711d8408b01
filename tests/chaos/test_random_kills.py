"""The search service, Redis and Milvus Lite die at random, and nothing that was acknowledged is lost."""

import os

import pytest

from tests.chaos.caller import Caller
from tests.chaos.rounds import Rounds
from tests.chaos.site import Site
from tests.chaos.stored import swept

ROUNDS = int(os.environ.get("ROUNDS", "8"))
IMAGE_IDS = [f"image-{number}" for number in range(40)]


async def test_nothing_acknowledged_is_lost_whatever_dies(
    place: Site, caller: Caller, capsys: pytest.CaptureFixture[str]
) -> None:
    rounds = Rounds(place, caller, ("search", "redis", "lite"), IMAGE_IDS, lambda: swept(place, caller))
    told = await rounds.play(ROUNDS)
    with capsys.disabled():
        print(f"\n{told}")
