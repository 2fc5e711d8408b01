"""How many bytes things take as messages, and how many of them one answer carries. No figure is below the true one."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import zip_longest
from typing import TypeAlias, TypeVar

from search_service.encoding import message_bytes
from search_service.fusion import Fused, Neighbour
from search_service.values import Collection, Record
from servicekit.errors import invalid_field

T = TypeVar("T")
Hit: TypeAlias = Fused | Neighbour
# The hits that stand in one place, from each of several lists.
Place: TypeAlias = Sequence[Hit | None]

# Callers in every language take 4 MiB unless told otherwise.
_TAKEN_BYTES = 4 * 1024 * 1024
# What stands beside the lists: the errors or the agreements of 16 models, times, tokens.
_BESIDE_BYTES = 128 * 1024
MAX_ANSWER_BYTES = _TAKEN_BYTES - _BESIDE_BYTES
# The fields of one message whose size is bounded, with every tag and length.
_COLLECTION_BYTES = 256
_BINDING_BYTES = 64
_RECORD_BYTES = 128
_HIT_BYTES = 64
_CONTRIBUTION_BYTES = 48


def fitting(items: Sequence[T], size_of: Callable[[T], int]) -> Sequence[T]:
    """Return as many of the items, one at the least, as one answer carries."""
    total = 0
    for i, item in enumerate(items):
        total += size_of(item)
        if i and total > MAX_ANSWER_BYTES:
            return items[:i]
    return items


def of_collection(collection: Collection) -> int:
    """Return how many bytes a collection takes in a list of them."""
    texts = [collection.name, collection.description]
    for binding in collection.bindings:
        texts += [binding.model, binding.model, binding.fingerprint]
    bounded = _COLLECTION_BYTES + _BINDING_BYTES * len(collection.bindings)
    return bounded + sum(len(text.encode()) for text in texts)


def of_record(record: Record) -> int:
    """Return how many bytes a record takes in a list of images."""
    version = record.version
    return _RECORD_BYTES + len(version.content_sha256) + _described(record) + message_bytes(version.attributes)


def of_lists(lists: Sequence[Sequence[Hit]], records: Mapping[str, Record], *, attributes: bool) -> int:
    """Return how many bytes lists of hits take."""
    return sum(map(_of_place(records, attributes=attributes), zip_longest(*lists)))


def require_fitting(lists: Sequence[Sequence[Hit]], records: Mapping[str, Record], *, attributes: bool) -> None:
    """Check that one answer carries all these lists.

    Raises:
        InvalidField: it does not; it names the number of places that it would carry.
    """
    places: list[Place] = list(zip_longest(*lists))
    carried = len(fitting(places, _of_place(records, attributes=attributes)))
    if carried < len(places):
        wanted = "fewer, for fewer models or for no attributes" if attributes else "fewer, or for fewer models"
        raise invalid_field(
            "top_k",
            f"the answer would be too large: the first {carried:,} of {len(places):,} places fill the "
            f"{MAX_ANSWER_BYTES:,} bytes that it may have; ask for {wanted}",
        )


def _of_place(records: Mapping[str, Record], *, attributes: bool) -> Callable[[Place], int]:
    """Return what says how many bytes the hits in one place of all lists take."""

    @cache
    def of_image(image_id: str) -> int:
        record = records[image_id]
        return _described(record) + (message_bytes(record.version.attributes) if attributes else 0)

    return lambda hits: sum(_of_hit(hit) + of_image(hit.image_id) for hit in hits if hit is not None)


def _described(record: Record) -> int:
    return len(record.version.image_id) + len(record.version.uri.encode())


def _of_hit(hit: Hit) -> int:
    contributions = hit.contributions if isinstance(hit, Fused) else ()
    return _HIT_BYTES + sum(_CONTRIBUTION_BYTES + len(each.model.encode()) for each in contributions)
