"""What the core of this service needs from a vector store and a record store, and what can go wrong."""

from collections.abc import Sequence
from typing import Protocol

from search_service.filters import Filter
from search_service.reading import DEFAULT_PARAMS, Consistency, SearchParams
from search_service.values import (
    Collection,
    Coverage,
    Expired,
    IndexSpec,
    Kept,
    Match,
    Metric,
    Outcome,
    Record,
    Row,
    RowKey,
    Vector,
)
from servicekit import errors


class CollectionNotFound(errors.NotFound):
    """No collection has this name."""

    reason = "COLLECTION_NOT_FOUND"


class ImageNotFound(errors.NotFound):
    """No image of the collection has this id."""

    reason = "IMAGE_NOT_FOUND"


class ModelNotFound(errors.NotFound):
    """The collection has no such model."""

    reason = "MODEL_NOT_FOUND"


class CollectionExists(errors.AlreadyExists):
    """The name is taken."""

    reason = "COLLECTION_EXISTS"


class FingerprintMismatch(errors.FailedPrecondition):
    """The vectors were made by another version of the model."""

    reason = "MODEL_FINGERPRINT_MISMATCH"


class ForceRequired(errors.FailedPrecondition):
    """The call destroys data and was not confirmed."""

    reason = "FORCE_REQUIRED"


class IndexIncomplete(errors.FailedPrecondition):
    """A model cannot be searched with: some images have no vector of it yet."""

    reason = "INDEX_INCOMPLETE"


class CollectionChanged(errors.Aborted):
    """The collection got another model while the call went on: all of it must be done again."""

    reason = "CONFLICT"


class DuplicateId(errors.InvalidArgument):
    """One id stands twice in a batch."""

    reason = "DUPLICATE_ID"


class Conflict(errors.Aborted):
    """Another write of the same image won."""

    reason = "CONFLICT"


class VectorStore(Protocol):
    """Vector spaces: an index over the records, never the truth. Every method may raise BackendUnavailable."""

    async def resolved(self, index: IndexSpec) -> IndexSpec:
        """Return an index with the store's own choice of kind where none is made.

        Raises:
            InvalidField: the store does not offer this kind of index.
        """

    async def create(self, space: str, dimension: int, metric: Metric, index: IndexSpec, description: str = "") -> None:
        """Make an empty space that keeps a description.

        Raises:
            InvalidField: the store does not offer this kind of index.
        """

    async def drop(self, space: str) -> None:
        """Remove a space and its rows; one that is not there is no error."""

    async def insert(self, space: str, rows: Sequence[Row]) -> None:
        """Add rows whose keys are new. Once returned, this process's searches see them."""

    async def search(
        self,
        space: str,
        metric: Metric,
        vector: Vector,
        limit: int,
        *,
        condition: Filter | None = None,
        consistency: Consistency = Consistency.BOUNDED,
        params: SearchParams = DEFAULT_PARAMS,
    ) -> list[Match]:
        """Return at most `limit` rows, itself at most DEEPEST, nearest to `vector`, best first.

        With a condition, the nearest of those that may fulfil it: all that do, and others where the store cannot tell.
        """

    async def select(
        self, space: str, condition: Filter, limit: int, *, consistency: Consistency = Consistency.BOUNDED
    ) -> dict[RowKey, Vector] | None:
        """Return all rows that may fulfil a condition; None if they are over `limit`, or the store cannot tell any."""

    async def fetch(self, space: str, keys: Sequence[RowKey], *, latest: bool = False) -> dict[RowKey, Vector]:
        """Return the vectors of those rows that are there; `latest` waits for what other processes wrote just now."""

    async def delete(self, space: str, keys: Sequence[RowKey]) -> None:
        """Remove rows; keys that are not there are no error. Searches may show them for a moment yet."""

    async def count(self, space: str) -> int:
        """Return how many rows a space holds, every write and deletion so far counted."""

    async def check(self) -> None:
        """Return if the store answers."""


class RecordStore(Protocol):
    """Records: the truth, and the commit point of every write. Every method may raise BackendUnavailable.

    Each method is one transaction. What it acknowledges is as durable as the store is set up to be.
    """

    async def prepare(self, collection: Collection) -> None:
        """List a collection as one to be cleared away, until `register` says otherwise."""

    async def register(self, collection: Collection, within_seconds: float) -> None:
        """Make a collection visible that was prepared less than this ago: an older one may be being cleared away.

        Raises:
            CollectionExists: the name is taken.
            BackendUnavailable: it was prepared longer ago.
        """

    async def collection(self, name: str) -> Collection:
        """Return one collection.

        Raises:
            CollectionNotFound: there is none of this name.
        """

    async def collections(self) -> list[Collection]:
        """Return all collections, by name."""

    async def unregister(self, collection: Collection) -> None:
        """Hide a collection at once and list it as one to be cleared away."""

    async def dropped(self, older_than_seconds: float) -> list[Collection]:
        """Return the collections to be cleared away that have been so for this long."""

    async def clear(self, collection: Collection) -> None:
        """Forget everything about a dropped collection."""

    async def count(self, uid: str) -> int:
        """Return how many images a collection holds."""

    async def read(self, uid: str, image_ids: Sequence[str]) -> list[Record | None]:
        """Return the records of these ids, in their order, None where there is none."""

    async def holders(self, uid: str, sha256s: Sequence[str]) -> list[Record | None]:
        """Return for each content, by its hash, the record of some image that has it, None where there is none."""

    async def page(self, uid: str, after: str, limit: int) -> list[Record]:
        """Return `limit` records whose ids sort after `after` by their bytes, in order; fewer if there are no more."""

    async def begin(self, uid: str, image_ids: Sequence[str]) -> list[int]:
        """Note the intent to write these images and return the generation of each.

        Raises:
            CollectionNotFound: the collection is gone.
        """

    async def commit(
        self, uid: str, revision: int, records: Sequence[Record], expected_ms: Sequence[int | None] = ()
    ) -> list[Outcome]:
        """Make each record the image's own, unless its intent is gone or a later write or delete has won: CONFLICT.

        With times, nothing is made where one is not None and the present record's `update_ms` is another, or there is
        no record: STALE. Nothing is made if the collection was fenced at a revision above the one that the records
        were written for: CHANGED. Rows that this leaves without a record become garbage. Times of update grow with
        every write of an image, over deletions too.
        """

    async def fence(self, uid: str, revision: int) -> None:
        """Refuse, from now on, to commit what was written for an earlier revision of the collection."""

    async def coverage(self, uid: str) -> Coverage:
        """Return how many images a collection holds, and how many of them each space holds."""

    async def redefine(self, changed: Collection, *, kept: Sequence[str] = (), retired: Sequence[str] = ()) -> bool:
        """Replace the definition of which `changed` is the next revision, and retire spaces.

        Its own spaces, and those that are `kept` beside them, are on the list of `retire` no more.

        Returns:
            Whether it was the next one; else nothing is done.
        """

    async def retire(self, spaces: Sequence[str]) -> None:
        """List spaces as ones to be dropped, until `redefine` keeps them."""

    async def retired(self, older_than_seconds: float, limit: int) -> list[str]:
        """Return at most `limit` spaces to be dropped that have been so for this long."""

    async def forget_spaces(self, spaces: Sequence[str]) -> None:
        """Take spaces off that list: they are dropped."""

    async def delete(self, uid: str, image_ids: Sequence[str], generations: Sequence[int] = ()) -> list[bool]:
        """Remove records, leaving tombstones that stop writes begun before; say which were there.

        With the generation of each, only those records that still have it.
        """

    async def expire(self, uid: str, older_than_seconds: float, limit: int) -> Expired:
        """Turn at most `limit` intents older than this into garbage, and drop at most `limit` spent tombstones."""

    async def garbage(self, uid: str, older_than_seconds: float, limit: int) -> list[RowKey]:
        """Return at most `limit` keys of rows that no record has named for this long, oldest first."""

    async def forget(self, uid: str, keys: Sequence[RowKey]) -> None:
        """Take keys off the garbage list: their rows are gone."""

    async def recall(self, uid: str, request_id: str) -> Kept | None:
        """Return what is kept for a request, if anything is."""

    async def keep(self, uid: str, request_id: str, kept: Kept, seconds: float) -> Kept:
        """Keep an answer for this long unless one is kept already, and return the one that is.

        Raises:
            CollectionNotFound: the collection is gone.
        """

    async def confirm(self, uid: str) -> None:
        """Return once all that was read of a collection so far is as durable as what is acknowledged."""

    async def check(self) -> None:
        """Return if the store answers."""
