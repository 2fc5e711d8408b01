"""Networks that do harm are loaded in a process of their own first, and never in the server's."""

from collections.abc import Callable
from pathlib import Path

import pytest

from embedder_service.ports import ModelUnusable
from embedder_service.trial import Trial
from tests import embedder_hostile, embedder_models
from tests.embedder_hostile import GIB
from tests.embedder_models import card, write


def tried(where: Path, content: bytes, seconds: float = 30, memory_bytes: int = 4 * GIB) -> None:
    Trial(seconds, memory_bytes)(write(where, card("m", content, 3), content))


def test_a_good_folder_passes(tmp_path: Path) -> None:
    tried(tmp_path, embedder_models.average_colour())


@pytest.mark.parametrize("make", [embedder_models.endless, embedder_hostile.uninterruptible])
def test_what_never_ends_is_ended(tmp_path: Path, make: Callable[[], bytes]) -> None:
    with pytest.raises(ModelUnusable, match=r"did not end within 1\.5 seconds"):
        tried(tmp_path, make(), seconds=1.5, memory_bytes=64 * GIB)


def test_what_wants_too_much_memory_gets_none(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"(?i)memory|bad_alloc"):
        tried(tmp_path, embedder_hostile.huge())


@pytest.mark.parametrize("end", ["crash", "silence"])
def test_what_brings_its_process_down_is_refused(tmp_path: Path, end: str) -> None:
    with pytest.raises(ModelUnusable, match="brought the process down"):
        Trial(30, GIB, "tests.misbehaving_trial")(tmp_path / end)


def test_what_is_wrong_with_a_folder_is_said_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="infinite or not numbers"):
        tried(tmp_path, embedder_models.average_colour(bias=float("nan")))
