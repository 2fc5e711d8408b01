"""Batches of images on their way: sent until each image is in or refused, and none fails another."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from likeness import retrying
from likeness.errors import LikenessError, from_status
from likeness.retrying import Patience
from likeness.v1 import image_search_pb2 as pb

Item = TypeVar("Item")

# What a batch can fail with because of one picture in it: that one is found by halving, and the others go through.
_DIVISIBLE = frozenset({"INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "INTERNAL"})
_PLACE = re.compile(r"^entries\[\d+\][.\w]*: ")
# Another write of the same picture won, or a server was lost on the way: sent again, it answers UNCHANGED at worst.
_AGAIN = retrying.RETRYABLE | {"ABORTED"}


@dataclass(frozen=True, slots=True)
class Sender(Generic[Item]):
    """Sends batches of what somebody calls images, and says of each what became of it.

    Attributes:
        send: Sends entries and returns what became of each, in order.
        done: Takes an `IndexResult.Outcome` for each image that is in.
        refused: Takes one that is not, and why.
    """

    send: Callable[[Sequence[pb.ImageEntry]], Sequence[pb.IndexResult]]
    done: Callable[[int], None]
    refused: Callable[[Item, LikenessError], None]

    def run(self, batch: Sequence[tuple[Item, pb.ImageEntry]], patience: Patience) -> None:
        """Send a batch until everything in it is settled.

        Raises:
            LikenessError: a call failed for good, and not because of a picture.
        """
        while batch:
            call = partial(self.send, [entry for _, entry in batch])
            try:
                results = retrying.call(call, patience)
            except LikenessError as error:
                self._divide(batch, error, patience)
                return
            batch = self._settle(batch, results, patience)

    def _divide(self, batch: Sequence[tuple[Item, pb.ImageEntry]], error: LikenessError, patience: Patience) -> None:
        if error.code not in _DIVISIBLE:
            raise error
        if len(batch) == 1:
            self.refused(batch[0][0], error)
            return
        middle = len(batch) // 2
        self.run(batch[:middle], patience)
        self.run(batch[middle:], patience)

    def _settle(
        self, batch: Sequence[tuple[Item, pb.ImageEntry]], results: Sequence[pb.IndexResult], patience: Patience
    ) -> Sequence[tuple[Item, pb.ImageEntry]]:
        """Report what is settled, and return what is to be sent again."""
        failed: list[tuple[Item, pb.ImageEntry, LikenessError]] = []
        for (item, entry), result in zip(batch, results, strict=True):
            if result.HasField("error"):
                failed.append((item, entry, _of_picture(from_status(result.error))))
            else:
                self.done(result.outcome)
        again = [each for each in failed if each[2].code in _AGAIN and not changed(each[2])]
        if len(again) < len(batch):
            patience.renew()
        hopeful = bool(again) and patience.wait()
        for each in failed:
            if not (hopeful and each in again):
                self.refused(each[0], each[2])
        return [(item, entry) for item, entry, _ in again] if hopeful else []


def changed(error: LikenessError) -> bool:
    """Say whether an image was not last written when its sender expected it to have been: it will not be again."""
    return error.reason == "CONFLICT" and error.metadata.get("image") == "changed"


def _of_picture(error: LikenessError) -> LikenessError:
    """Return an error without the picture's place in its batch, which the user never sees."""
    message = _PLACE.sub("", error.message)
    return LikenessError(error.code, error.reason, message, error.violations, metadata=error.metadata)
