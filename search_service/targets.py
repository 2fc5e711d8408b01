"""What a query looks for in each model's space: vectors of its own, or those that are stored."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search_service import limits
from search_service.catalogue import require_fingerprint
from search_service.contents import Contents
from search_service.images import image_not_found
from search_service.ports import FingerprintMismatch, IndexIncomplete, RecordStore, VectorStore
from search_service.query import Query
from search_service.values import Binding, Collection, Record, Vector
from servicekit.errors import BackendUnavailable, ServiceError, Unavailable, invalid_field


@dataclass(frozen=True, slots=True)
class Targets:
    """The vector to search with for each model that has one, and why the others have none."""

    vectors: Sequence[tuple[Binding, Vector]]
    failed: Mapping[str, ServiceError]


class Aim:
    """Finds the vectors of queries."""

    def __init__(self, records: RecordStore, vectors: VectorStore) -> None:
        self._records = records
        self._contents = Contents(records, vectors)

    async def targets(self, collection: Collection, bindings: Sequence[Binding], query: Query) -> Targets:
        """Return what to search with.

        Raises:
            ImageNotFound: there is no such image, or none of that content.
            InvalidField: a vector is missing or does not fit its model.
            FingerprintMismatch, IndexIncomplete: a model that the query names has nothing to search with.
            ServiceError: the query demands every model, and one has nothing to search with.
        """
        each = await self._each(collection, bindings, query)
        pairs = list(zip(bindings, each, strict=True))
        failed = {binding.model: error for binding, error in pairs if isinstance(error, ServiceError)}
        for error in failed.values():
            # A store that does not answer is nobody's mistake; a model that is named and cannot be searched is.
            if query.require_all_models or (query.models and not isinstance(error, Unavailable)):
                raise error
        return Targets([(b, vector) for b, vector in pairs if not isinstance(vector, ServiceError)], failed)

    async def _each(
        self, collection: Collection, bindings: Sequence[Binding], query: Query
    ) -> Sequence[Vector | ServiceError]:
        if query.vectors:
            return _given(bindings, query)
        if not query.image_id:
            return await self._of_content(collection, bindings, query.content_sha256)
        (record,) = await self._records.read(collection.uid, [query.image_id])
        if record is None:
            raise image_not_found(query.image_id)
        return await asyncio.gather(*(self._of_image(record, binding) for binding in bindings))

    async def _of_content(self, collection: Collection, bindings: Sequence[Binding], sha256: str) -> Sequence[Vector]:
        try:
            stored = await self._contents.stored(collection, bindings, [sha256])
        except BackendUnavailable:
            # The caller can have the vectors made; then the models that do answer are searched.
            stored = {}
        if sha256 not in stored:
            raise image_not_found(sha256)
        return stored[sha256].vectors

    async def _of_image(self, record: Record, binding: Binding) -> Vector | ServiceError:
        image_id = record.version.image_id
        if not record.covers([binding]):
            return IndexIncomplete(f"image {image_id!r} has no vector of model {binding.model!r}")
        try:
            rows = await self._contents.rows([binding], [record.key])
        except ServiceError as error:
            return error
        if record.key not in rows:
            return BackendUnavailable(f"the vectors of {image_id!r} cannot be read yet", retry_after_seconds=1.0)
        return rows[record.key][0]


def _given(bindings: Sequence[Binding], query: Query) -> Sequence[Vector | ServiceError]:
    given = {vector.model: vector for vector in query.vectors}
    found: list[Vector | ServiceError] = []
    for binding in bindings:
        if binding.model not in given:
            raise invalid_field("vectors.embeddings", f"no vector of model {binding.model!r}")
        vector = given[binding.model]
        try:
            require_fingerprint(binding, vector.fingerprint)
        except FingerprintMismatch as error:
            found.append(error)
            continue
        limits.require_vector("vectors.embeddings", vector.vector, binding.model, binding.dimension)
        found.append(vector.vector)
    return found
