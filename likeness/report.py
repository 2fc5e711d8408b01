"""What became of the pictures of a run, counted as the answers come in."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from likeness.errors import LikenessError
from likeness.photos import Photo

CREATED, UPDATED, UNCHANGED = "created", "updated", "unchanged"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What cannot be indexed, and why: a picture, or a folder, which has no id."""

    path: Path
    image_id: str | None
    error: LikenessError


class Report:
    """Counts outcomes. It may be told, and asked, in any thread and at any time."""

    def __init__(self, advanced: Callable[[], None] = lambda: None) -> None:
        """Call `advanced` after each picture."""
        self._advanced = advanced
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._refused: list[Refusal] = []

    def count(self, outcome: str) -> None:
        """Note that a picture is in the collection; `outcome` is CREATED, UPDATED or UNCHANGED."""
        with self._lock:
            self._counts[outcome] += 1
        self._advanced()

    def refuse(self, photo: Photo, error: LikenessError) -> None:
        """Note that a picture cannot be indexed."""
        with self._lock:
            self._refused.append(Refusal(photo.path, photo.image_id, error))
        self._advanced()

    def refuse_folder(self, path: Path, error: LikenessError) -> None:
        """Note that a folder cannot be looked into."""
        with self._lock:
            self._refused.append(Refusal(path, None, error))

    def counted(self, outcome: str) -> int:
        """Return how many pictures ended so."""
        return self._counts[outcome]

    @property
    def indexed(self) -> int:
        """How many of the pictures the collection holds."""
        return sum(self._counts.values())

    @property
    def settled(self) -> int:
        """How many pictures the run is done with."""
        with self._lock:
            return self.indexed + sum(refusal.image_id is not None for refusal in self._refused)

    @property
    def refused(self) -> Sequence[Refusal]:
        """What it does not hold, by path."""
        with self._lock:
            return sorted(self._refused, key=lambda refusal: refusal.path)
