"""Images by id: read, listed, deleted."""

from collections.abc import Sequence
from dataclasses import dataclass

from search_service import filters, limits, sizes
from search_service.catalogue import DEFAULT_PAGE, decode_token, encode_token, model_not_found
from search_service.ports import ForceRequired, ImageNotFound, RecordStore
from search_service.values import Collection, Record
from servicekit.errors import Resource, invalid_field

_DELETE_BATCH = 500


@dataclass(frozen=True, slots=True)
class Page:
    """Some records, and the token of the next page, empty on the last."""

    records: Sequence[Record]
    next_token: str


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many images were there and are gone, and the ids that were not there."""

    count: int
    missing: Sequence[str]


class Images:
    """Reads and deletes by id."""

    def __init__(self, records: RecordStore) -> None:
        self._records = records

    async def get(self, name: str, image_id: str) -> Record:
        """Return one record.

        Raises:
            CollectionNotFound: there is no such collection.
            ImageNotFound: there is no such image.
            InvalidField: the id is none.
        """
        limits.require_image_id(image_id)
        collection = await self._records.collection(name)
        (record,) = await self._records.read(collection.uid, [image_id])
        if record is None:
            raise image_not_found(image_id)
        return record

    async def page(
        self,
        name: str,
        page_size: int,
        page_token: str,
        condition: filters.Filter | None,
        *,
        missing_model: str = "",
    ) -> Page:
        """Return a page of records, by id: those of them that a condition holds for, and that lack a model's vector.

        Raises:
            CollectionNotFound: there is no such collection.
            ModelNotFound: the collection has no model `missing_model`.
            InvalidField: the page size, the token or the condition breaks a rule.
        """
        limits.require_page(page_size)
        if condition is not None:
            limits.require_filter(condition)
        collection = await self._records.collection(name)
        lacked = [binding for binding in collection.bindings if binding.model == missing_model]
        if missing_model and not lacked:
            raise model_not_found(collection, missing_model)
        size = page_size or DEFAULT_PAGE
        found = await self._records.page(collection.uid, decode_token(page_token), size)
        fitting = sizes.fitting(found, sizes.of_record)
        more = len(fitting) < len(found) or len(found) == size
        token = encode_token(fitting[-1].version.image_id) if more else ""
        wanted = [r for r in fitting if condition is None or filters.holds(condition, r.version.attributes)]
        return Page([record for record in wanted if not (lacked and record.covers(lacked))], token)

    async def delete(
        self, name: str, image_ids: Sequence[str], condition: filters.Filter | None, *, force: bool
    ) -> Deleted:
        """Delete images by id, or all that a condition holds for. Once this returns, no search shows them.

        Raises:
            CollectionNotFound: there is no such collection.
            InvalidField: there are neither ids nor a condition, or both, or too many ids, or one is none.
            ForceRequired: there is a condition, and `force` is not set.
        """
        if condition is None:
            limits.require_deletion(image_ids)
            return await self._delete(name, image_ids)
        if image_ids:
            raise invalid_field("filter", "give ids or a filter, not both")
        if not force:
            raise ForceRequired("deleting by filter needs force")
        return await self._delete_where(name, condition)

    async def _delete(self, name: str, image_ids: Sequence[str]) -> Deleted:
        collection = await self._records.collection(name)
        distinct = list(dict.fromkeys(image_ids))
        removed = await self._records.delete(collection.uid, distinct)
        missing = [image_id for image_id, was_there in zip(distinct, removed, strict=True) if not was_there]
        return Deleted(sum(removed), missing)

    async def _delete_where(self, name: str, condition: filters.Filter) -> Deleted:
        """Go through all records by id. What was deleted before a deadline passes stays so; a repeat takes the rest."""
        limits.require_filter(condition)
        collection = await self._records.collection(name)
        count, after = 0, ""
        while page := await self._records.page(collection.uid, after, _DELETE_BATCH):
            after = page[-1].version.image_id
            found = [record for record in page if filters.holds(condition, record.version.attributes)]
            count += await self._delete_versions(collection, found) if found else 0
        return Deleted(count, [])

    async def _delete_versions(self, collection: Collection, records: Sequence[Record]) -> int:
        """Delete images unless they were replaced: what they are now may be none of what the filter means."""
        ids = [record.version.image_id for record in records]
        return sum(await self._records.delete(collection.uid, ids, [record.generation for record in records]))


def image_not_found(image_id: str) -> ImageNotFound:
    """Return the error that the collection has no such image."""
    return ImageNotFound(f"there is no image {image_id!r}", resource=Resource("image", image_id))
