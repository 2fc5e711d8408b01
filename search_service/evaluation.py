"""Models, and their fusion, measured against labels that the images carry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from search_service import limits, measures
from search_service.catalogue import chosen
from search_service.fusion import Fusion
from search_service.measures import Places, Quality, Ranked, Tally
from search_service.survey import BLOCK, Survey, together
from search_service.values import DEEPEST, Attributes, Binding, Collection, Match, RowKey, Vector
from servicekit import deadline
from servicekit.errors import invalid_field

_SEEDS = 2**64


@dataclass(frozen=True, slots=True)
class Trial:
    """What to measure; no models means all of the collection's, a sample of 0 all images."""

    collection: str
    label_attribute: str
    models: Sequence[str] = ()
    top_k: int = 10
    sample_size: int = 0
    seed: int = 0
    fusion: Fusion = field(default_factory=Fusion)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Each model's figures and the fused list's.

    `alone_count` is the number of labelled images whose label no other carries: nothing can be found for these.
    """

    per_model: Mapping[str, Quality]
    fused: Quality
    labelled_count: int
    label_count: int
    alone_count: int


@dataclass(frozen=True, slots=True)
class _Labelled:
    """The images that carry a label, numbered in the order of their ids; `labels` are numbers too."""

    keys: Sequence[RowKey]
    labels: Places
    places: Mapping[RowKey, int]

    def sizes(self) -> Places:
        """Return how many images carry each image's label, itself among them."""
        return np.bincount(self.labels)[self.labels]

    def sample(self, size: int, seed: int) -> list[int]:
        """Return the images to search with: of those whose label another one carries, `size`, or all for 0."""
        eligible = np.flatnonzero(self.sizes() > 1)
        if 0 < size < eligible.size:
            eligible = np.sort(np.random.default_rng(seed % _SEEDS).choice(eligible, size, replace=False))
        return [int(place) for place in eligible]


class Evaluator:
    """Searches with labelled images, each left out of its own list, and looks for others of its label."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey

    async def evaluate(self, trial: Trial) -> Evaluation:
        """Measure each model, and the fused list.

        Only labelled images take part, as they are when the call begins. A list holds all of them, but those that are
        not among the nearest DEEPEST rows of the collection.

        Raises:
            CollectionNotFound, ModelNotFound: it names something that is not there.
            InvalidField: a number is out of range, or no two images have the same label.
            BackendUnavailable: a store does not answer.
        """
        limits.require_search(trial.top_k, None, trial.fusion)
        limits.require_sample(trial.label_attribute, trial.sample_size)
        with deadline.stage("search"):
            collection = await self._survey.collection(trial.collection)
            bindings = chosen(collection, trial.models)
            limits.require_weights(trial.fusion, [binding.model for binding in bindings])
            labelled = await self._labelled(collection, trial.label_attribute)
            return await _Run(self._survey, trial, collection, bindings, labelled).evaluation()

    async def _labelled(self, collection: Collection, attribute: str) -> _Labelled:
        keys: list[RowKey] = []
        labels: list[int] = []
        numbers: dict[object, int] = {}
        async for record in self._survey.records(collection):
            label = _label(record.version.attributes, attribute)
            if label is not None:
                keys.append(record.key)
                labels.append(numbers.setdefault(label, len(numbers)))
        return _Labelled(keys, np.array(labels, np.int64), {key: place for place, key in enumerate(keys)})


class _Run:
    """One measurement under way."""

    def __init__(
        self, survey: Survey, trial: Trial, collection: Collection, bindings: Sequence[Binding], labelled: _Labelled
    ) -> None:
        self._survey = survey
        self._trial = trial
        self._collection = collection
        self._bindings = bindings
        self._labelled = labelled
        self._sizes = labelled.sizes()
        self._weights = [trial.fusion.weight(binding.model) for binding in bindings]
        self._tallies = [Tally(trial.top_k) for _ in bindings]
        self._fused = Tally(trial.top_k)

    async def evaluation(self) -> Evaluation:
        queries = self._labelled.sample(self._trial.sample_size, self._trial.seed)
        if not queries:
            name = self._trial.label_attribute
            raise invalid_field("label_attribute", f"no two images have the same value of {name!r}")
        rows = await together(self._survey.count(binding) for binding in self._bindings)
        depths = [min(DEEPEST, count) for count in rows]
        for start in range(0, len(queries), BLOCK):
            await self._search_with(queries[start : start + BLOCK], depths)
        return self._result()

    async def _search_with(self, block: Sequence[int], depths: Sequence[int]) -> None:
        keys = [self._labelled.keys[place] for place in block]
        found = await together(self._survey.vectors(binding, keys) for binding in self._bindings)
        # An image that was replaced or deleted since its label was read has no vector any more.
        present = [place for place in block if all(self._labelled.keys[place] in vectors for vectors in found)]
        await together(
            self._query(place, [vectors[self._labelled.keys[place]] for vectors in found], depths) for place in present
        )

    async def _query(self, place: int, vectors: Sequence[Vector], depths: Sequence[int]) -> None:
        targets = zip(self._bindings, vectors, depths, strict=True)
        lists = await together(self._others(place, *target) for target in targets)
        await self._survey.aside(self._count, place, lists)

    def _count(self, place: int, lists: Sequence[Ranked]) -> None:
        whole = measures.fused(lists, self._weights, self._trial.fusion, len(self._labelled.keys))
        for tally, own in zip((*self._tallies, self._fused), (*lists, whole), strict=True):
            relevant = self._labelled.labels[own.places] == self._labelled.labels[place]
            tally.add(relevant, own.distances, int(self._sizes[place]) - 1)

    async def _others(self, query: int, binding: Binding, vector: Vector, depth: int) -> Ranked:
        """Return one model's list of the labelled images, the query apart."""
        matches = await self._survey.search(self._collection, binding, vector, depth)
        return await self._survey.aside(self._ranked, query, matches)

    def _ranked(self, query: int, matches: Sequence[Match]) -> Ranked:
        number = self._labelled.places.get
        places = np.array([number(match.key, query) for match in matches], np.int64)
        distances = np.array([match.distance for match in matches], np.float64)
        others = places != query
        return measures.ranked(places[others], distances[others])

    def _result(self) -> Evaluation:
        models = [binding.model for binding in self._bindings]
        return Evaluation(
            per_model={model: tally.quality() for model, tally in zip(models, self._tallies, strict=True)},
            fused=self._fused.quality(),
            labelled_count=len(self._labelled.keys),
            label_count=len(set(self._labelled.labels.tolist())),
            alone_count=int((self._sizes == 1).sum()),
        )


def _label(attributes: Attributes, name: str) -> object:
    """Return what tells a label from others: JSON's 1 is its 1.0 and not its true; None where there is no scalar."""
    value = attributes.get(name)
    return (isinstance(value, bool), value) if isinstance(value, str | bool | int | float) else None
