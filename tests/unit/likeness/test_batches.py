"""Batches keep within what one call may carry."""

from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from likeness.batches import batches
from likeness.photos import MAX_IMAGE_BYTES, Photo

MIB = 1024 * 1024
MESSAGE_BYTES = 32 * MIB
# An id, an address of 2,048 bytes and a label, for each of 64 pictures.
OVERHEAD_BYTES = 64 * 4096

SIZES = st.one_of(st.integers(0, 3 * MIB), st.integers(15 * MIB, MAX_IMAGE_BYTES + MIB))


def photos_of(sizes: list[int]) -> list[Photo]:
    return [Photo(Path("/p") / str(i), str(i), size) for i, size in enumerate(sizes)]


@given(st.lists(SIZES, max_size=80), st.integers(1, 64))
def test_batches_hold_every_picture_once_in_order_and_fit_into_a_message(sizes: list[int], most: int) -> None:
    photos = photos_of(sizes)
    made = list(batches(photos, most))
    assert [photo for batch in made for photo in batch] == photos
    for batch in made:
        assert 1 <= len(batch) <= most
        # What is over the limit is not read, so not sent.
        sent = sum(photo.size_bytes for photo in batch if photo.size_bytes <= MAX_IMAGE_BYTES)
        assert sent + OVERHEAD_BYTES < MESSAGE_BYTES


@given(st.lists(st.integers(0, 3 * MIB), min_size=2, max_size=80), st.integers(1, 64))
def test_a_batch_ends_only_where_the_next_picture_would_be_too_much(sizes: list[int], most: int) -> None:
    made = list(batches(photos_of(sizes), most))
    for batch, after in pairwise(made):
        total = sum(photo.size_bytes for photo in batch)
        assert len(batch) == most or total + after[0].size_bytes > 16 * MIB
