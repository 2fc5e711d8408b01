"""What goes into a stream of images and what comes out of it."""

from dataclasses import dataclass
from typing import TypeAlias

from gateway.ports import Entry, Indexed


@dataclass(frozen=True, slots=True)
class Item:
    """One message of a stream."""

    item_id: str
    collection: str
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """What became of one item, which `size_bytes` of the window are taken up by."""

    item_id: str
    indexed: Indexed
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Backoff:
    """How many items may be unanswered."""

    max_in_flight: int


@dataclass(frozen=True, slots=True)
class Draining:
    """The stream ends once what is under way is answered."""


Event: TypeAlias = Acknowledged | Backoff | Draining


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a batch and a stream's unanswered part may be, and how long an idle stream waits for a fuller batch."""

    batch_images: int
    batch_bytes: int
    window_images: int
    window_bytes: int
    linger_seconds: float
