"""Answers that are kept for a while, so that a request made again is answered and not carried out again."""

from search_service import limits
from search_service.ports import RecordStore
from search_service.values import Kept
from servicekit.errors import invalid_field


class Answers:
    """One answer for each request id of a collection, for `retention_seconds`; they go with their collection."""

    def __init__(self, records: RecordStore, *, retention_seconds: float) -> None:
        self._records = records
        self._retention = retention_seconds

    async def recall(self, name: str, request_id: str, body_sha256: str) -> bytes | None:
        """Return the answer that was kept, if there is one.

        Raises:
            CollectionNotFound: there is no such collection.
            InvalidField: the request id was used with another body, or it or the hash is none.
        """
        _require(request_id, body_sha256)
        collection = await self._records.collection(name)
        kept = await self._records.recall(collection.uid, request_id)
        return _of_same(kept, body_sha256) if kept else None

    async def keep(self, name: str, request_id: str, body_sha256: str, answer: bytes) -> bytes:
        """Keep an answer and return the one that stands: an equal request may have been answered first.

        Raises:
            CollectionNotFound, InvalidField: as for `recall`.
        """
        _require(request_id, body_sha256)
        collection = await self._records.collection(name)
        kept = Kept(body_sha256, answer)
        return _of_same(await self._records.keep(collection.uid, request_id, kept, self._retention), body_sha256)


def _require(request_id: str, body_sha256: str) -> None:
    limits.require_request_id(request_id)
    limits.require_sha256("body_sha256", body_sha256)


def _of_same(kept: Kept, body_sha256: str) -> bytes:
    if kept.body_sha256 != body_sha256:
        raise invalid_field("request_id", "was used with another request")
    return kept.answer
