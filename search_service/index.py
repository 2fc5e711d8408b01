"""Searches: which models, with which vectors, and their lists as one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search_service import fusion, limits
from search_service.agreement import Agreement, agreement
from search_service.catalogue import chosen, require_fingerprint
from search_service.contents import Contents
from search_service.fusion import Fused, Ranking
from search_service.images import image_not_found
from search_service.ports import Binding, Collection, IndexIncomplete, Record, RecordStore, Vector, VectorStore
from search_service.query import Query
from search_service.retrieval import Retrieval
from servicekit import deadline
from servicekit.errors import BackendUnavailable, ServiceError, invalid_field


@dataclass(frozen=True, slots=True)
class Answer:
    """The fused list, each model's own, the models that failed, and the record of every image named."""

    fused: Sequence[Fused]
    rankings: Sequence[Ranking]
    failed: Mapping[str, ServiceError]
    records: Mapping[str, Record]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Each model's own list, and how far every two of them agree."""

    answer: Answer
    agreements: Mapping[tuple[str, str], Agreement]


class Index:
    """Answers searches.

    `fusion_depth` is how far down each model's list fusion looks. `margin` is over-fetched, for rows that a newer
    version has replaced.
    """

    def __init__(self, records: RecordStore, vectors: VectorStore, *, fusion_depth: int, margin: int) -> None:
        self._records = records
        self._vectors = vectors
        self._contents = Contents(records, vectors)
        self._fusion_depth = fusion_depth
        self._margin = margin

    async def search(self, query: Query) -> Answer:
        """Return the images nearest to the query.

        Raises:
            CollectionNotFound, ImageNotFound, ModelNotFound: it names something that is not there.
            FingerprintMismatch: its vectors are of another version of a model.
            InvalidField: its weights name a model that is not searched.
            BackendUnavailable: no model, or with `require_all_models` not every model, could be searched.
        """
        _require(query)
        with deadline.stage("search"):
            collection = await self._records.collection(query.collection)
            bindings = chosen(collection, query.models or [vector.model for vector in query.vectors])
            limits.require_weights(query.fusion, [binding.model for binding in bindings])
            vectors = await self._query_vectors(collection, bindings, query)
            depth = query.top_k if len(bindings) == 1 else max(query.top_k, self._fusion_depth)
            return await self._answer(collection, query, vectors, depth)

    async def compare(self, query: Query) -> Comparison:
        """Return every model's own list and how far they agree.

        Raises:
            InvalidField: fewer than two models.
        """
        answer = await self.search(query)
        if len(answer.rankings) < 2:  # noqa: PLR2004 a comparison
            raise invalid_field("models", "comparing needs at least two models")
        lists = {r.model: [near.image_id for near in r.neighbours] for r in answer.rankings}
        names = list(lists)
        pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
        return Comparison(answer, {(a, b): agreement(lists[a], lists[b], query.top_k) for a, b in pairs})

    async def _query_vectors(
        self, collection: Collection, bindings: Sequence[Binding], query: Query
    ) -> list[tuple[Binding, Vector]]:
        if not query.vectors:
            vectors = await self._stored_vectors(collection, bindings, query)
            return list(zip(bindings, vectors, strict=True))
        given = {vector.model: vector for vector in query.vectors}
        for binding in bindings:
            if binding.model not in given:
                raise invalid_field("vectors", f"no vector of model {binding.model!r}")
            require_fingerprint(binding, given[binding.model].fingerprint)
            limits.require_vector("vectors", given[binding.model].vector, binding.model, binding.dimension)
        return [(binding, given[binding.model].vector) for binding in bindings]

    async def _stored_vectors(
        self, collection: Collection, bindings: Sequence[Binding], query: Query
    ) -> Sequence[Vector]:
        if query.image_id:
            return await self._vectors_of_image(collection, bindings, query.image_id)
        try:
            stored = await self._contents.stored(collection, bindings, [query.content_sha256])
        except BackendUnavailable:
            # The caller can have the vectors made; then the models that do answer are searched.
            stored = {}
        if query.content_sha256 not in stored:
            raise image_not_found(query.content_sha256)
        return stored[query.content_sha256].vectors

    async def _vectors_of_image(
        self, collection: Collection, bindings: Sequence[Binding], image_id: str
    ) -> Sequence[Vector]:
        (record,) = await self._records.read(collection.uid, [image_id])
        if record is None:
            raise image_not_found(image_id)
        for binding in bindings:
            if not record.covers([binding]):
                raise IndexIncomplete(f"image {image_id!r} has no vector of model {binding.model!r}")
        rows = await self._contents.rows(bindings, [record.key])
        if record.key not in rows:
            raise BackendUnavailable(f"the vectors of {image_id!r} cannot be read yet", retry_after_seconds=1.0)
        return rows[record.key]

    async def _answer(
        self, collection: Collection, query: Query, targets: Sequence[tuple[Binding, Vector]], depth: int
    ) -> Answer:
        retrieval = Retrieval((self._records, self._vectors), collection, query, depth, self._margin)
        full = await retrieval.rankings(targets)
        if retrieval.failed and (query.require_all_models or not full):
            raise next(iter(retrieval.failed.values()))
        fused = fusion.fuse(full, query.fusion)[: query.top_k]
        cut = [Ranking(r.model, r.metric, r.neighbours[: query.top_k]) for r in full]
        return Answer(fused, cut, retrieval.failed, retrieval.records)


def _require(query: Query) -> None:
    limits.require_search(query.top_k, query.max_distance, query.fusion)
    if not query.vectors and not query.content_sha256:
        limits.require_image_id(query.image_id)
    if query.condition is not None:
        limits.require_filter(query.condition)
