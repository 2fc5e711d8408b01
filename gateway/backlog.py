"""Images of a stream that wait for their batch: in order for each id, and no id twice at once."""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.ports import Entry


@dataclass(frozen=True, slots=True)
class Work:
    """One image of a stream, the caller's name for it, and its size in bytes."""

    item_id: str
    entry: Entry
    size_bytes: int


class Backlog:
    """Gives out batches. An image whose id is in a batch that is not done yet waits until it is."""

    def __init__(self, *, batch_images: int, batch_bytes: int) -> None:
        self._batch_images = batch_images
        self._batch_bytes = batch_bytes
        self._free: deque[Work] = deque()
        self._free_bytes = 0
        self._held: defaultdict[str, deque[Work]] = defaultdict(deque)
        self._active: set[str] = set()

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not self._free and not self._held

    @property
    def startable(self) -> bool:
        """Whether there is anything for a batch."""
        return bool(self._free)

    @property
    def full(self) -> bool:
        """Whether there is enough for a whole batch."""
        return len(self._free) >= self._batch_images or self._free_bytes >= self._batch_bytes

    def add(self, work: Work) -> None:
        """Take an image on."""
        image_id = work.entry.image_id
        if image_id and image_id in self._active:
            self._held[image_id].append(work)
        else:
            self._release(work)

    def take(self) -> list[Work]:
        """Return a batch: what has waited longest, at least one image if any is startable."""
        batch: list[Work] = []
        size_bytes = 0
        while self._free and len(batch) < self._batch_images:
            if batch and size_bytes + self._free[0].size_bytes > self._batch_bytes:
                break
            batch.append(self._free.popleft())
            size_bytes += batch[-1].size_bytes
        self._free_bytes -= size_bytes
        return batch

    def done(self, batch: Sequence[Work]) -> None:
        """Let go what waits for the images of a batch."""
        for work in batch:
            image_id = work.entry.image_id
            self._active.discard(image_id)
            if image_id in self._held:
                waiting = self._held[image_id]
                self._release(waiting.popleft())
                if not waiting:
                    del self._held[image_id]

    def clear(self) -> None:
        """Forget all that waits."""
        self._free.clear()
        self._free_bytes = 0
        self._held.clear()

    def _release(self, work: Work) -> None:
        self._active.add(work.entry.image_id)
        self._free.append(work)
        self._free_bytes += work.size_bytes
