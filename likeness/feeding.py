"""Images that a model has no vector of, read again from their addresses: by the server, not here."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from likeness import bound, retrying
from likeness.at_once import each
from likeness.message_client import MessageClient
from likeness.retrying import Patience
from likeness.sending import Sender
from likeness.tally import Tally
from likeness.v1 import image_search_pb2 as pb

Result = TypeVar("Result")
# Without one, a server gives a call 10 s: too few where every picture of a batch takes its time to be read.
_CALL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What to feed and how: `concurrency` calls at once, `batch_size` images a call, for how long to try again."""

    collection: str
    model: str
    batch_size: int = 16
    concurrency: int = 4
    patience_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many images a collection has, and how many of them have a vector of the model."""

    covered: int
    images: int
    building: bool

    @property
    def complete(self) -> bool:
        """Whether every image has one."""
        return self.covered >= self.images


class Feeder:
    """Feeds `plan.model` and tells `tally` what became of each image.

    An image is written only if nobody else has written it since it was listed, so that nothing of theirs is undone;
    what they write has a vector of the model by itself.
    """

    def __init__(
        self, client: MessageClient, plan: Plan, tally: Tally, waiting: Callable[[], None] = lambda: None
    ) -> None:
        """Call `waiting`, in any thread, before each wait for a service that is away."""
        self._client = client
        self._plan = plan
        self._tally = tally
        self._waiting = waiting
        send = partial(client.index, plan.collection, timeout_seconds=_CALL_SECONDS)
        self._sender: Sender[pb.ImageRecord] = Sender(send, tally.done, tally.refused)
        self._cancelled = threading.Event()

    def run(self, watch: Callable[[Coverage], None] = lambda _: None) -> Coverage:
        """Feed a page of images after the other until the model has them all, or the last page is done.

        Returns:
            What the model has then; `watch` is told after each page.

        Raises:
            LikenessError: MODEL_NOT_ADDED, or the first call that failed for good, and not because of an image.
        """
        token, more = "", True
        coverage = self._coverage()
        watch(coverage)
        while more and not coverage.complete:
            images, token = self._patiently(
                partial(self._client.lacking, self._plan.collection, self._plan.model, token)
            )
            self._feed(images)
            coverage, more = self._coverage(), bool(token)
            watch(coverage)
        return coverage

    def _feed(self, images: Sequence[pb.ImageRecord]) -> None:
        there = [image for image in images if image.uri]
        self._tally.without_uri(len(images) - len(there))
        batches = [there[i : i + self._plan.batch_size] for i in range(0, len(there), self._plan.batch_size)]
        each(batches, self._send, self._plan.concurrency, self._cancelled)

    def _send(self, images: Sequence[pb.ImageRecord]) -> None:
        self._sender.run([(image, _entry(image)) for image in images], self._patience())

    def _coverage(self) -> Coverage:
        collection = self._patiently(partial(self._client.collection, self._plan.collection))
        found = bound.require(collection, self._plan.model, "MODEL_NOT_ADDED")
        building = found.state == pb.ModelBinding.STATE_BUILDING
        return Coverage(found.image_count, collection.image_count, building)

    def _patiently(self, call: Callable[[], Result]) -> Result:
        return retrying.call(call, self._patience())

    def _patience(self) -> Patience:
        return Patience(self._plan.patience_seconds, self._cancelled, self._waiting)


def _entry(image: pb.ImageRecord) -> pb.ImageEntry:
    entry = pb.ImageEntry(image_id=image.image_id, uri=image.uri)
    entry.image.uri = image.uri
    entry.attributes.CopyFrom(image.attributes)
    entry.expected_update_time.CopyFrom(image.update_time)
    return entry
