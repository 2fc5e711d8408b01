"""One search: nearest rows from the vector store, held against the records until enough of them are true."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from search_service.fusion import Neighbour, Ranking
from search_service.ports import Binding, Collection, Match, Record, RecordStore, Vector, VectorStore
from search_service.query import Query
from servicekit.errors import ServiceError

# Milvus returns no more from one search.
_DEEPEST = 16384
_DEEPER = 4


@dataclass(slots=True)
class _Probe:
    """One model's part of the search."""

    binding: Binding
    vector: Vector
    limit: int
    matches: Sequence[Match] = ()

    @property
    def exhausted(self) -> bool:
        return len(self.matches) < self.limit or self.limit >= _DEEPEST


@dataclass
class Retrieval:
    """Every model's nearest images, as the records have them.

    Args:
        depth: How many images each model's list should have.
        margin: How many rows are read beyond that, for those that a newer version has replaced.
    """

    stores: tuple[RecordStore, VectorStore]
    collection: Collection
    query: Query
    depth: int
    margin: int
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
        if any(self._overtaken(probe) for probe in probes):
            # A version was committed after these rows were read. Its own row is there by now.
            self.records.clear()
            await self._look(probes)
        while pending := [probe for probe in probes if not self._enough(probe)]:
            for probe in pending:
                probe.limit = min(_DEEPEST, probe.limit * _DEEPER)
            await self._look(pending)
        return [self._ranking(probe) for probe in probes if probe.binding.model not in self.failed]

    async def _look(self, probes: Sequence[_Probe]) -> None:
        """Search every model, then read the records of all that is new in one round trip."""
        await asyncio.gather(*map(self._search, probes))
        new = sorted({match.key.image_id for probe in probes for match in probe.matches} - self.records.keys())
        found = await self.stores[0].read(self.collection.uid, new)
        self.records.update((i, record) for i, record in zip(new, found, strict=True) if record is not None)

    async def _search(self, probe: _Probe) -> None:
        space, metric = probe.binding.space, self.collection.metric
        try:
            probe.matches = await self.stores[1].search(space, metric, probe.vector, probe.limit)
        except ServiceError as error:
            self.failed[probe.binding.model] = error

    def _overtaken(self, probe: _Probe) -> bool:
        """Say whether a newer version of some image was committed, and its row was not found."""
        found = {match.key for match in probe.matches}
        records = [self.records.get(key.image_id) for key in found]
        return any(record is not None and record.key not in found for record in records)

    def _enough(self, probe: _Probe) -> bool:
        farthest = self.query.max_distance
        beyond = farthest is not None and bool(probe.matches) and probe.matches[-1].distance > farthest
        done = probe.exhausted or beyond or probe.binding.model in self.failed
        return done or sum(1 for _ in self._true(probe)) >= self.depth

    def _true(self, probe: _Probe) -> Iterator[Match]:
        """Yield the matches whose row is its image's present version, and which the query wants."""
        for match in probe.matches:
            record = self.records.get(match.key.image_id)
            if record is not None and record.key == match.key and self.query.wants(record, match.distance):
                yield match

    def _ranking(self, probe: _Probe) -> Ranking:
        matches = sorted(self._true(probe), key=lambda match: (match.distance, match.key.image_id))[: self.depth]
        neighbours = [Neighbour(m.key.image_id, i + 1, m.distance) for i, m in enumerate(matches)]
        return Ranking(probe.binding.model, self.collection.metric, neighbours)
