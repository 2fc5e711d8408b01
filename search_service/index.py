"""Searches: which models, with which vectors, and their lists as one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search_service import fusion, limits, sizes
from search_service.agreement import Agreement, agreement
from search_service.catalogue import chosen
from search_service.fusion import Fused, Ranking
from search_service.ports import RecordStore, VectorStore
from search_service.query import Query
from search_service.recorder import SILENT, Recorder
from search_service.retrieval import Retrieval
from search_service.targets import Aim, Targets
from search_service.values import Collection, Record
from servicekit import deadline
from servicekit.errors import ServiceError, invalid_field


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

    def __init__(
        self, records: RecordStore, vectors: VectorStore, *, fusion_depth: int, margin: int, recorder: Recorder = SILENT
    ) -> None:
        self._records = records
        self._vectors = vectors
        self._aim = Aim(records, vectors)
        self._fusion_depth = fusion_depth
        self._margin = margin
        self._recorder = recorder

    async def search(self, query: Query) -> Answer:
        """Return the images nearest to the query.

        Raises:
            CollectionNotFound, ImageNotFound, ModelNotFound: it names something that is not there.
            FingerprintMismatch, IndexIncomplete: a model that it names has nothing to search with.
            InvalidField: its weights name a model that is not searched, or one answer does not carry what was found.
            ServiceError: no model, or with `require_all_models` not every model, could be searched.
        """
        answer = await self._found(query)
        lists: list[Sequence[sizes.Hit]] = [answer.fused, *(ranking.neighbours for ranking in answer.rankings)]
        sizes.require_fitting(lists, answer.records, attributes=query.include_attributes)
        return answer

    async def compare(self, query: Query) -> Comparison:
        """Return every model's own list and how far they agree.

        Raises:
            InvalidField: fewer than two models.
        """
        answer = await self._found(query)
        if len(answer.rankings) < 2:  # noqa: PLR2004 a comparison
            raise invalid_field("models", "comparing needs at least two models")
        sizes.require_fitting([r.neighbours for r in answer.rankings], answer.records, attributes=False)
        lists = {r.model: [near.image_id for near in r.neighbours] for r in answer.rankings}
        names = list(lists)
        pairs = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
        return Comparison(answer, {(a, b): agreement(lists[a], lists[b], query.top_k) for a, b in pairs})

    async def _found(self, query: Query) -> Answer:
        _require(query)
        with deadline.stage("search"):
            collection = await self._records.collection(query.collection)
            # Weights of models that have no vector here are no mistake unless models are named: they may be away.
            limits.require_weights(query.fusion, [binding.model for binding in chosen(collection, query.models)])
            bindings = chosen(collection, query.models or [vector.model for vector in query.vectors])
            targets = await self._aim.targets(collection, bindings, query)
            depth = query.top_k if len(bindings) == 1 else max(query.top_k, self._fusion_depth)
            return await self._answer(collection, query, targets, depth)

    async def _answer(self, collection: Collection, query: Query, targets: Targets, depth: int) -> Answer:
        retrieval = Retrieval((self._records, self._vectors), collection, query, depth, self._margin, self._recorder)
        full = await retrieval.rankings(targets.vectors)
        failed = {**targets.failed, **retrieval.failed}
        if failed and (query.require_all_models or not full):
            raise next(iter(failed.values()))
        fused = fusion.fuse(full, query.fusion)[: query.top_k]
        cut = [Ranking(r.model, r.metric, r.neighbours[: query.top_k]) for r in full]
        return Answer(fused, cut, failed, retrieval.records)


def _require(query: Query) -> None:
    limits.require_search(query.top_k, query.max_distance, query.fusion)
    limits.require_search_params(query.params)
    limits.require_one_each("vectors.embeddings", [vector.model for vector in query.vectors])
    if query.content_sha256:
        limits.require_sha256("vectors.content_sha256", query.content_sha256)
    elif not query.vectors:
        limits.require_image_id(query.image_id)
    if query.condition is not None:
        limits.require_filter(query.condition)
