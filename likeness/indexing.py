"""Folders of pictures into a collection: several batches at once, and no picture fails another."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from likeness import report
from likeness.at_once import each
from likeness.batches import batches
from likeness.errors import LikenessError
from likeness.message_client import MessageClient
from likeness.photos import Photo, read
from likeness.report import Report
from likeness.retrying import Patience
from likeness.sending import Sender
from likeness.v1 import image_search_pb2 as pb

_OUTCOMES: dict[int, str] = {
    pb.IndexResult.OUTCOME_CREATED: report.CREATED,
    pb.IndexResult.OUTCOME_UPDATED: report.UPDATED,
    pb.IndexResult.OUTCOME_UNCHANGED: report.UNCHANGED,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """How to index: `concurrency` calls at once, `batch_size` pictures a call, and for how long to try again."""

    collection: str
    batch_size: int = 16
    concurrency: int = 4
    patience_seconds: float = 60.0


class Indexer:
    """Indexes pictures into `plan.collection` and reports what became of each."""

    def __init__(
        self, client: MessageClient, plan: Plan, report: Report, waiting: Callable[[], None] = lambda: None
    ) -> None:
        """Call `waiting`, in any thread, before each wait for a service that is away."""
        send = partial(client.index, plan.collection)
        self._sender: Sender[Photo] = Sender(send, self._count, report.refuse)
        self._plan = plan
        self._report = report
        self._waiting = waiting
        self._cancelled = threading.Event()

    def run(self, photos: Sequence[Photo]) -> None:
        """Index every picture. Memory holds `concurrency` batches.

        Raises:
            LikenessError: the first call that failed for good, and not because of a picture. Calls under way end first.
        """
        each(batches(photos, self._plan.batch_size), self._send, self._plan.concurrency, self._cancelled)

    def _send(self, photos: list[Photo]) -> None:
        batch: list[tuple[Photo, pb.ImageEntry]] = []
        for photo in photos:
            try:
                batch.append((photo, _entry(photo)))
            except LikenessError as error:
                self._report.refuse(photo, error)
        self._sender.run(batch, Patience(self._plan.patience_seconds, self._cancelled, self._waiting))

    def _count(self, outcome: int) -> None:
        self._report.count(_OUTCOMES[outcome])


def _entry(photo: Photo) -> pb.ImageEntry:
    entry = pb.ImageEntry(image_id=photo.image_id, uri=photo.uri)
    entry.image.content = read(photo.path)
    entry.attributes.update(photo.attributes)
    return entry
