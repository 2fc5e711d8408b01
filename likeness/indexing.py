"""Folders of pictures into a collection: several batches at once, and no picture fails another."""

import re
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial

from likeness import report, retrying
from likeness.batches import batches
from likeness.errors import LikenessError, from_status
from likeness.message_client import MessageClient
from likeness.photos import Photo, read
from likeness.report import Report
from likeness.retrying import Patience
from likeness.v1 import image_search_pb2 as pb

Batch = list[tuple[Photo, pb.ImageEntry]]

# What a batch can fail with because of one picture in it: that one is found by halving, and the others go through.
_DIVISIBLE = frozenset({"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "INTERNAL"})
_PLACE = re.compile(r"^entries\[\d+\][.\w]*: ")
# Another write of the same picture won, or a server was lost on the way: sent again, it answers UNCHANGED at worst.
_AGAIN = retrying.RETRYABLE | {"ABORTED"}
_OUTCOMES = {
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
        self._client = client
        self._plan = plan
        self._report = report
        self._waiting = waiting
        self._cancelled = threading.Event()

    def run(self, photos: Sequence[Photo]) -> None:
        """Index every picture. Memory holds `concurrency` batches.

        Raises:
            LikenessError: the first call that failed for good, and not because of a picture. Calls under way end first.
        """
        executor = ThreadPoolExecutor(self._plan.concurrency)
        try:
            futures = [executor.submit(self._send, batch) for batch in batches(photos, self._plan.batch_size)]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
        except BaseException:
            self._cancelled.set()
            raise
        finally:
            executor.shutdown(cancel_futures=True)

    def _send(self, photos: list[Photo]) -> None:
        batch: Batch = []
        for photo in photos:
            try:
                batch.append((photo, _entry(photo)))
            except LikenessError as error:
                self._report.refuse(photo, error)
        self._index(batch, Patience(self._plan.patience_seconds, self._cancelled, self._waiting))

    def _index(self, batch: Batch, patience: Patience) -> None:
        while batch:
            send = partial(self._client.index, self._plan.collection, [entry for _, entry in batch])
            try:
                results = retrying.call(send, patience)
            except LikenessError as error:
                self._divide(batch, error, patience)
                return
            batch = self._settle(batch, results, patience)

    def _divide(self, batch: Batch, error: LikenessError, patience: Patience) -> None:
        if error.code not in _DIVISIBLE:
            raise error
        if len(batch) == 1:
            self._report.refuse(batch[0][0], error)
            return
        middle = len(batch) // 2
        self._index(batch[:middle], patience)
        self._index(batch[middle:], patience)

    def _settle(self, batch: Batch, results: Sequence[pb.IndexResult], patience: Patience) -> Batch:
        """Report what is settled, and return what is to be sent again."""
        failed: list[tuple[Photo, pb.ImageEntry, LikenessError]] = []
        for (photo, entry), result in zip(batch, results, strict=True):
            if result.HasField("error"):
                failed.append((photo, entry, _of_picture(from_status(result.error))))
            else:
                self._report.count(_OUTCOMES[result.outcome])
        again = [item for item in failed if item[2].code in _AGAIN]
        if len(again) < len(batch):
            patience.renew()
        hopeful = bool(again) and patience.wait()
        for item in failed:
            if not (hopeful and item in again):
                self._report.refuse(item[0], item[2])
        return [(photo, entry) for photo, entry, _ in again] if hopeful else []


def _of_picture(error: LikenessError) -> LikenessError:
    """Return an error without the picture's place in its batch, which the user never sees."""
    return LikenessError(error.code, error.reason, _PLACE.sub("", error.message), error.violations)


def _entry(photo: Photo) -> pb.ImageEntry:
    entry = pb.ImageEntry(image_id=photo.image_id, uri=photo.uri)
    entry.image.content = read(photo.path)
    entry.attributes.update(photo.attributes)
    return entry
