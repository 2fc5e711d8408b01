"""Searches: nearest rows from the vector store, made true by the records, fused over the models."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from search_service import filters, fusion, limits
from search_service.agreement import Agreement, agreement
from search_service.catalogue import chosen, require_fingerprint
from search_service.fusion import Fused, Fusion, Neighbour, Ranking
from search_service.images import image_not_found
from search_service.ports import Binding, Collection, Match, Record, RecordStore, Vector, VectorStore
from search_service.writer import ModelVector
from servicekit import deadline
from servicekit.errors import ServiceError, invalid_field

# Milvus returns no more from one search.
_DEEPEST = 16384
_DEEPER = 4
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for: the vectors of a picture, or an image of the collection."""

    collection: str
    vectors: Sequence[ModelVector] = ()
    content_sha256: str = ""
    image_id: str = ""
    models: Sequence[str] = ()
    top_k: int = 10
    condition: filters.Filter | None = None
    max_distance: float | None = None
    exclude_self: bool = False
    fusion: Fusion = field(default_factory=Fusion)
    require_all_models: bool = False

    def wants(self, record: Record) -> bool:
        """Say whether a record may be an answer, its distance apart."""
        version = record.version
        itself = version.image_id == self.image_id or version.content_sha256 == self.content_sha256
        return not (self.exclude_self and itself) and (
            self.condition is None or filters.holds(self.condition, version.attributes)
        )


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


@dataclass(slots=True)
class _Probe:
    """One model's search, deepened until it has enough that is true."""

    binding: Binding
    vector: Vector
    limit: int
    matches: list[Match] = field(default_factory=list)
    exhausted: bool = False

    def take(self, matches: list[Match]) -> None:
        self.exhausted = len(matches) < self.limit or self.limit >= _DEEPEST
        self.matches = matches
        self.limit = min(_DEEPEST, self.limit * _DEEPER)


class Index:
    """Answers searches.

    `fusion_depth` is how far down each model's list fusion looks. `margin` is over-fetched, for rows that a newer
    version has replaced.
    """

    def __init__(self, records: RecordStore, vectors: VectorStore, *, fusion_depth: int, margin: int) -> None:
        self._records = records
        self._vectors = vectors
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
            _require_weights(query.fusion, bindings)
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
        if query.image_id:
            return await self._stored_vectors(collection, bindings, query.image_id)
        given = {vector.model: vector for vector in query.vectors}
        for binding in bindings:
            if binding.model not in given:
                raise invalid_field("vectors", f"no vector of model {binding.model!r}")
            require_fingerprint(binding, given[binding.model].fingerprint)
            limits.require_vector("vectors", given[binding.model].vector, binding.model, binding.dimension)
        return [(binding, given[binding.model].vector) for binding in bindings]

    async def _stored_vectors(
        self, collection: Collection, bindings: Sequence[Binding], image_id: str
    ) -> list[tuple[Binding, Vector]]:
        """Read the vectors of the present version; one that is replaced in between is read again."""
        for _ in range(_ATTEMPTS):
            (record,) = await self._records.read(collection.uid, [image_id])
            if record is None:
                break
            found = await asyncio.gather(*(self._vectors.fetch(b.space, record.key) for b in bindings))
            vectors = [(b, vector) for b, vector in zip(bindings, found, strict=True) if vector is not None]
            if len(vectors) == len(bindings):
                return vectors
        raise image_not_found(image_id)

    async def _answer(
        self, collection: Collection, query: Query, vectors: Sequence[tuple[Binding, Vector]], depth: int
    ) -> Answer:
        probes = [_Probe(binding, vector, depth + self._margin) for binding, vector in vectors]
        failed: dict[str, ServiceError] = {}
        records: dict[str, Record] = {}
        pending = probes
        while pending:
            await self._deepen(collection, pending, failed, records)
            pending = [
                p for p in pending if not self._enough(p, query, depth, records) and p.binding.model not in failed
            ]
        if failed and (query.require_all_models or len(failed) == len(probes)):
            raise next(iter(failed.values()))
        full = [_ranking(collection, p, query, depth, records) for p in probes if p.binding.model not in failed]
        fused = fusion.fuse(full, query.fusion)[: query.top_k]
        cut = [Ranking(r.model, r.metric, r.neighbours[: query.top_k]) for r in full]
        return Answer(fused, cut, failed, records)

    async def _deepen(
        self,
        collection: Collection,
        probes: Sequence[_Probe],
        failed: dict[str, ServiceError],
        records: dict[str, Record],
    ) -> None:
        """Search every model, then read the records of all that is new in one round trip."""
        await asyncio.gather(*(self._search(collection, probe, failed) for probe in probes))
        ids = {match.key.image_id for probe in probes for match in probe.matches} - records.keys()
        wanted = sorted(ids)
        found = await self._records.read(collection.uid, wanted)
        records.update((i, record) for i, record in zip(wanted, found, strict=True) if record is not None)

    async def _search(self, collection: Collection, probe: _Probe, failed: dict[str, ServiceError]) -> None:
        try:
            probe.take(await self._vectors.search(probe.binding.space, collection.metric, probe.vector, probe.limit))
        except ServiceError as error:
            failed[probe.binding.model] = error

    def _enough(self, probe: _Probe, query: Query, depth: int, records: Mapping[str, Record]) -> bool:
        beyond = query.max_distance is not None and (
            bool(probe.matches) and probe.matches[-1].distance > query.max_distance
        )
        return probe.exhausted or beyond or len(list(_true(probe.matches, query, records))) >= depth


def _true(matches: Iterable[Match], query: Query, records: Mapping[str, Record]) -> Iterable[Match]:
    """Return the matches whose row is its image's present version and that the query wants."""
    for match in matches:
        record = records.get(match.key.image_id)
        if record is None or record.key != match.key or not query.wants(record):
            continue
        if query.max_distance is None or match.distance <= query.max_distance:
            yield match


def _ranking(collection: Collection, probe: _Probe, query: Query, depth: int, records: Mapping[str, Record]) -> Ranking:
    matches = sorted(_true(probe.matches, query, records), key=lambda m: (m.distance, m.key.image_id))[:depth]
    neighbours = [Neighbour(m.key.image_id, i + 1, m.distance) for i, m in enumerate(matches)]
    return Ranking(probe.binding.model, collection.metric, neighbours)


def _require(query: Query) -> None:
    limits.require_search(query.top_k, query.max_distance, query.fusion)
    if not query.vectors:
        limits.require_image_id(query.image_id)
    if query.condition is not None:
        limits.require_filter(query.condition)


def _require_weights(rule: Fusion, bindings: Sequence[Binding]) -> None:
    searched = {binding.model for binding in bindings}
    for model in rule.weights:
        if model not in searched:
            raise invalid_field("fusion.weights", f"{model!r} is not among the models searched")
    if not any(rule.weight(model) for model in searched):
        raise invalid_field("fusion.weights", "at least one model must weigh more than zero")
