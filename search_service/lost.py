"""Collections whose rows are there and whose records are not, and what their spaces say of them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from search_service import encoding
from search_service.catalogue import uid_of
from search_service.ports import CollectionNotFound
from search_service.ports_repair import RepairRecords, RepairVectors
from search_service.values import Collection


@dataclass(frozen=True, slots=True)
class Lost:
    """A collection that no record knows: its spaces, and how many rows the fullest has."""

    uid: str
    spaces: Sequence[str]
    rows: int


async def find(records: RepairRecords, vectors: RepairVectors) -> list[Lost]:
    """Return the collections that have spaces and no record.

    One that is listed as to be cleared away is lost too if it has rows and not one is named: a record store that was
    put back to a time at which that collection was about to be made says so.
    """
    found = defaultdict(list)
    # Spaces first: what is made or cleared away meanwhile is known to the records the longer of the two.
    for space in sorted(await vectors.space_names()):
        if uid := uid_of(space):
            found[uid].append(space)
    visible, dropped = await known(records)
    lost = []
    for uid in sorted(found.keys() - visible):
        # Rows first: what is written meanwhile has its name before its row.
        rows = max([await rows_in(vectors, space) for space in found[uid]])
        if uid not in dropped or (rows and not any(await records.named(uid))):
            lost.append(Lost(uid, found[uid], rows))
    return lost


async def known(records: RepairRecords) -> tuple[set[str], set[str]]:
    """Return the uids of visible and of dropped collections.

    A collection may become visible, or be dropped, between two questions; the third meets it then.
    """
    dropped = {collection.uid for collection in await records.dropped(0)}
    visible = {collection.uid for collection in await records.collections()}
    return visible, dropped | {collection.uid for collection in await records.dropped(0)}


async def rows_in(vectors: RepairVectors, space: str) -> int:
    """Return how many rows a space holds; none if it is not there."""
    try:
        return await vectors.count(space)
    except CollectionNotFound:
        return 0


async def definition(vectors: RepairVectors, lost: Lost) -> Collection | None:
    """Return a lost collection as its spaces describe it, with those models whose spaces are there.

    A space's description is the collection when the space was made; the newest of them holds.
    """
    known = [read for space in lost.spaces if (read := _read(await vectors.description(space)))]
    if not known:
        return None
    newest = max(known, key=lambda collection: collection.revision)
    present = tuple(binding for binding in newest.bindings if binding.space in lost.spaces)
    return replace(newest, bindings=present) if any(not binding.building for binding in present) else None


def _read(description: str) -> Collection | None:
    try:
        return encoding.collection(description)
    except (ValueError, KeyError, TypeError):
        return None
