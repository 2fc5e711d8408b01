"""One search: nearest rows from the vector store, held against the records until enough of them are true."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from search_service.fusion import Neighbour, Ranking
from search_service.ports import RecordStore, VectorStore
from search_service.query import Query
from search_service.recorder import SILENT, Recorder
from search_service.values import DEEPEST, Binding, Collection, Match, Metric, Record, RowKey, Vector
from servicekit import spans
from servicekit.errors import ServiceError

_DEEPER = 4
# Kinds of index that know vectors, and so distances, only roughly.
_ROUGH = {"IVF_SQ8", "HNSW_SQ", "IVF_RABITQ"}
_MOST_SELECTED_BYTES = 16 * 1024 * 1024
_COMPONENT_BYTES = 4


@dataclass(slots=True)
class _Probe:
    """One model's part of the search. Every row nearer than `farthest` is in `matches`; all are, once `exhausted`."""

    binding: Binding
    vector: Vector
    limit: int
    matches: list[Match] = field(default_factory=list)
    farthest: float = 0.0
    exhausted: bool = False

    def take(self, matches: list[Match]) -> None:
        self.matches = matches
        self.farthest = matches[-1].distance if matches else 0.0
        self.exhausted = len(matches) < self.limit or self.limit >= DEEPEST


@dataclass
class Retrieval:
    """Every model's nearest images, as the records have them.

    Args:
        depth: How many images each model's list should have.
        margin: How many rows are read beyond that, for those that a newer version has replaced.
        recorder: Is told how many of the rows were.
    """

    stores: tuple[RecordStore, VectorStore]
    collection: Collection
    query: Query
    depth: int
    margin: int
    recorder: Recorder = SILENT
    records: dict[str, Record] = field(default_factory=dict)
    failed: dict[str, ServiceError] = field(default_factory=dict)

    async def rankings(self, targets: Sequence[tuple[Binding, Vector]]) -> list[Ranking]:
        """Return the list of each model that could be searched, `depth` long where there are so many images.

        Models that could not be searched are in `failed` then, and the record of every image in `records`.

        Raises:
            BackendUnavailable: the record store does not answer.
        """
        probes = [_Probe(binding, vector, self.depth + self.margin) for binding, vector in targets]
        await self._look(probes)
        while pending := [probe for probe in probes if not self._enough(probe)]:
            for probe in pending:
                probe.limit = min(DEEPEST, probe.limit * _DEEPER)
            await self._look(pending)
        self._record(probes)
        if self.collection.index.kind in _ROUGH:
            await asyncio.gather(*map(self._refine, probes))
        return [self._ranking(probe) for probe in probes if probe.binding.model not in self.failed]

    async def _look(self, probes: Sequence[_Probe]) -> None:
        """Search every model, then read the records of all that is new in one round trip."""
        await asyncio.gather(*map(self._search, probes))
        new = sorted({match.key.image_id for probe in probes for match in probe.matches} - self.records.keys())
        found = await self.stores[0].read(self.collection.uid, new)
        self.records.update((i, record) for i, record in zip(new, found, strict=True) if record is not None)
        await asyncio.gather(*map(self._complete, probes))

    async def _search(self, probe: _Probe) -> None:
        try:
            with spans.step("model", model=probe.binding.model):
                probe.take(await self._nearest(probe))
        except ServiceError as error:
            self.failed[probe.binding.model] = error

    async def _nearest(self, probe: _Probe) -> list[Match]:
        space, query = probe.binding.space, self.query
        matches = await self.stores[1].search(
            space,
            self.collection.metric,
            probe.vector,
            probe.limit,
            condition=query.condition,
            consistency=query.consistency,
            params=query.params,
        )
        if query.condition is None or len(matches) >= probe.limit:
            return matches
        # An index that looks at some of its rows finds too few of those that fit, where few do: all of them are read.
        most = min(DEEPEST - 1, _MOST_SELECTED_BYTES // (_COMPONENT_BYTES * probe.binding.dimension))
        vectors = await self.stores[1].select(space, query.condition, most, consistency=query.consistency)
        return matches if vectors is None else self._measured(probe, vectors)[: probe.limit]

    def _measured(self, probe: _Probe, vectors: Mapping[RowKey, Vector]) -> list[Match]:
        metric = self.collection.metric
        matches = [Match(key, distance(metric, vector, probe.vector)) for key, vector in vectors.items()]
        return sorted(matches, key=lambda match: match.distance)

    async def _complete(self, probe: _Probe) -> None:
        """Add the present rows of images of which only another version was found.

        Their versions were committed after the rows were searched and before the records were read. The search stands
        at the later moment: without these rows, an image that is being replaced would be missing.
        """
        found = {match.key for match in probe.matches}
        records = [self.records.get(image_id) for image_id in {key.image_id for key in found}]
        absent = [r.key for r in records if r is not None and r.key not in found and r.covers([probe.binding])]
        if not absent or probe.binding.model in self.failed:
            return
        try:
            vectors = await self.stores[1].fetch(probe.binding.space, absent, latest=True)
        except ServiceError as error:
            self.failed[probe.binding.model] = error
            return
        rows = self._measured(probe, vectors)
        probe.matches.extend(row for row in rows if probe.exhausted or row.distance <= probe.farthest)

    async def _refine(self, probe: _Probe) -> None:
        """Take the true distances of the nearest, from their vectors."""
        nearest = sorted(self._true(probe), key=lambda match: match.distance)[: self.depth + self.margin]
        if not nearest or probe.binding.model in self.failed:
            return
        try:
            vectors = await self.stores[1].fetch(probe.binding.space, [match.key for match in nearest])
        except ServiceError as error:
            self.failed[probe.binding.model] = error
            return
        probe.matches = self._measured(probe, vectors)

    def _enough(self, probe: _Probe) -> bool:
        beyond = self.query.max_distance is not None and probe.farthest > self.query.max_distance
        done = probe.exhausted or beyond or probe.binding.model in self.failed
        return done or sum(1 for _ in self._true(probe)) >= self.depth

    def _true(self, probe: _Probe) -> Iterator[Match]:
        """Yield the matches whose row is its image's present version, and which the query wants."""
        for match in probe.matches:
            record = self.records.get(match.key.image_id)
            if record is not None and record.key == match.key and self.query.wants(record, match.distance):
                yield match

    def _record(self, probes: Sequence[_Probe]) -> None:
        keys = [match.key for probe in probes for match in probe.matches]
        present = {record.key for record in self.records.values()}
        self.recorder.rows_read(len(keys), stale=sum(1 for key in keys if key not in present))

    def _ranking(self, probe: _Probe) -> Ranking:
        matches = sorted(self._true(probe), key=lambda match: (match.distance, match.key.image_id))[: self.depth]
        neighbours = [Neighbour(m.key.image_id, i + 1, m.distance) for i, m in enumerate(matches)]
        return Ranking(probe.binding.model, self.collection.metric, neighbours)


def distance(metric: Metric, a: Vector, b: Vector) -> float:
    """Return what `Match.distance` is for two unit vectors, in [0, 2]."""
    if metric is Metric.L2:
        return min(2.0, float(np.linalg.norm(a.astype(np.float64) - b)))
    return min(2.0, max(0.0, 1.0 - float(a.astype(np.float64) @ b)))
