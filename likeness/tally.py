"""What became of the images that a model was to be fed with, counted as the answers come in."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from likeness.errors import LikenessError
from likeness.v1 import image_search_pb2 as pb

FED, UNCHANGED, CHANGED, WITHOUT_URI, UNREADABLE = "fed", "unchanged", "changed", "without_uri", "unreadable"
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Unread:
    """An image that cannot be had from its address, and why."""

    image_id: str
    uri: str
    error: LikenessError


class Tally:
    """Counts outcomes. It may be told in any thread, and keeps no more of them than the first few that went wrong."""

    def __init__(self, covered: Callable[[], None] = lambda: None) -> None:
        """Call `covered` after each image that has its vector."""
        self._covered = covered
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._unread: list[Unread] = []

    def done(self, outcome: int) -> None:
        """Note that an image has its vector; `outcome` is an IndexResult.Outcome."""
        with self._lock:
            self._counts[UNCHANGED if outcome == pb.IndexResult.OUTCOME_UNCHANGED else FED] += 1
        self._covered()

    def refused(self, image: pb.ImageRecord, error: LikenessError) -> None:
        """Note that an image cannot be read, or that somebody else wrote or deleted it, whose word stands."""
        with self._lock:
            if error.reason == "CONFLICT":
                self._counts[CHANGED] += 1
                return
            self._counts[UNREADABLE] += 1
            self._reasons[error.reason] += 1
            if len(self._unread) < _SHOWN:
                self._unread.append(Unread(image.image_id, image.uri, error))

    def without_uri(self, images: int) -> None:
        """Note images that have no address."""
        with self._lock:
            self._counts[WITHOUT_URI] += images

    def counted(self, outcome: str) -> int:
        """Return how many images ended so: FED, UNCHANGED, CHANGED, WITHOUT_URI or UNREADABLE."""
        return self._counts[outcome]

    @property
    def settled(self) -> int:
        """How many images the run is done with."""
        return self._counts.total()

    @property
    def reasons(self) -> Mapping[str, int]:
        """How many of the unreadable ones there are of each reason."""
        return self._reasons

    @property
    def first_unread(self) -> Sequence[Unread]:
        """The first few of them."""
        return self._unread
