"""What sweep, reconcile and rebuild need of the stores beyond serving, and what they find."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

from search_service.ports import RecordStore, VectorStore
from search_service.values import Record, RowKey
from servicekit import errors


class MaintenanceRunning(errors.Aborted):
    """One sweep, reconcile or rebuild runs at a time, and another one does."""

    reason = "MAINTENANCE_RUNNING"


class LeaseLost(errors.Aborted):
    """The right to work alone was lost midway; what was done stands, and running again goes on."""

    reason = "LEASE_LOST"


class Kind(Enum):
    """What is not as it should be."""

    ORPHAN_ROW = "ORPHAN_ROW"
    """A row that nothing names."""
    MISSING_ROW = "MISSING_ROW"
    """An image that has no row in a model's space."""
    MISSING_SPACE = "MISSING_SPACE"
    """A model whose space is not there."""
    RECORDS_FELL = "RECORDS_FELL"
    """A collection with over a tenth of its rows named by nothing: nothing of it is deleted."""
    LOST_COLLECTION = "LOST_COLLECTION"
    """Rows of a collection that has no record."""
    INCOMPLETE_IMAGE = "INCOMPLETE_IMAGE"
    """An image without a record, of which no version has rows that one can be made of."""
    RENAMED_COLLECTION = "RENAMED_COLLECTION"
    """A collection that came back under another name, since its own is taken."""
    NO_DEFINITION = "NO_DEFINITION"
    """A space that does not say which collection it is of."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be, and whether it was mended."""

    kind: Kind
    collection: str
    model: str = ""
    image_id: str = ""
    generation: int = 0
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A part of the work that is done: how far it is in its collection, and what was found in this part."""

    collection: str
    done: int = 0
    total: int = 0
    findings: Sequence[Finding] = ()
    restored: int = 0


class Named(NamedTuple):
    """How many rows Redis names: those of records, and those of intents and garbage."""

    records: int
    unfinished: int


class Restoration(NamedTuple):
    """What is to be an image's record again, in place of one of generation `replaces`; 0 is none."""

    record: Record
    replaces: int = 0


class RepairRecords(RecordStore, Protocol):
    """A record store that can be mended. Every method may raise BackendUnavailable, and each is one transaction."""

    async def take(self, holder: str, seconds: float) -> str:
        """Give `holder` the one lease for this long if it is free, and return whose it is."""

    async def renew(self, holder: str, seconds: float) -> bool:
        """Extend the lease to this long from now if it is `holder`'s still, and say so."""

    async def release(self, holder: str) -> None:
        """Free the lease if it is `holder`'s."""

    async def named(self, uid: str) -> Named:
        """Return how many rows of a collection have a name."""

    async def unnamed(self, uid: str, keys: Sequence[RowKey]) -> list[RowKey]:
        """Return those of the rows that no record, no intent and no garbage entry names."""

    async def discard(self, uid: str, keys: Sequence[RowKey]) -> list[RowKey]:
        """Make garbage of those of the rows that are unnamed still, and return them."""

    async def mark(self, uid: str, records: Sequence[Record]) -> list[bool]:
        """Note that images lack rows, where their record is still this one; say for which this was news."""

    async def restore(
        self, uid: str, generation: int, versions: Sequence[Restoration], older_than_seconds: float
    ) -> list[bool]:
        """Commit versions whose rows are there already, as their writers would have, and say which are records now.

        The collection need not be visible. No generation up to `generation` is given out from then on. Nothing is
        changed where the record is not the one to be replaced, the row is garbage, or an intent younger than this may
        yet be committed by its own writer.
        """


class RepairVectors(VectorStore, Protocol):
    """A vector store that can be looked through. Every write and deletion so far, of any process, is seen."""

    async def space_names(self) -> list[str]:
        """Return the names of all spaces, this service's or not."""

    async def description(self, space: str) -> str:
        """Return what `create` was told to keep about a space."""

    async def scan(self, space: str, after: RowKey | None, limit: int) -> list[Record]:
        """Return what at most `limit` rows say of their images, in the order of `encoding.key_text`, after `after`.

        Rows of one image follow each other. Times are not kept in rows.
        """

    async def held(self, space: str, keys: Sequence[RowKey]) -> set[RowKey]:
        """Return those of the rows that are there."""
