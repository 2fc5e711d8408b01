"""Pictures in groups that fit into one call each."""

from collections.abc import Iterable, Iterator

from likeness.photos import MAX_IMAGE_BYTES, Photo

MAX_BATCH_IMAGES = 64
"""The most that a server takes in one call."""
# With the largest picture alone in a batch, and ids, addresses and attributes, still well under a message's 32 MiB.
_MAX_BATCH_BYTES = 16 * 1024 * 1024


def batches(photos: Iterable[Photo], max_images: int) -> Iterator[list[Photo]]:
    """Yield the pictures in order, in groups of at most `max_images` and 16 MiB; one over that stands alone."""
    batch: list[Photo] = []
    size_bytes = 0
    for photo in photos:
        size = _sent_bytes(photo)
        if batch and (len(batch) >= max_images or size_bytes + size > _MAX_BATCH_BYTES):
            yield batch
            batch, size_bytes = [], 0
        batch.append(photo)
        size_bytes += size
    if batch:
        yield batch


def _sent_bytes(photo: Photo) -> int:
    return photo.size_bytes if photo.size_bytes <= MAX_IMAGE_BYTES else 0
