"""Groups of images that lie closer together than a distance."""

from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

from search_service import limits
from search_service.catalogue import chosen
from search_service.survey import BLOCK, Survey, together
from search_service.values import DEEPEST, Binding, Collection, RowKey, Vector
from servicekit import deadline

_FIRST_DEPTH = 32
_DEEPER = 4
# Ids are at most 128 bytes: a message of so many stays far below the 4 MiB that callers take unless told otherwise.
MAX_GROUP_IDS = 10_000


@dataclass(slots=True)
class _Images:
    """The images of a collection, numbered in the order of their ids."""

    keys: list[RowKey] = field(default_factory=list)
    hashes: list[str] = field(default_factory=list)
    places: dict[RowKey, int] = field(default_factory=dict)


class Duplicates:
    """Joins images that are near each other into groups, as far as nearness leads: connected components."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey

    async def groups(self, name: str, model: str, max_distance: float) -> AsyncGenerator[Sequence[str]]:
        """Yield each group, its ids sorted, in the order of their first ids.

        Two images are near each other at a distance of at most `max_distance` in the model's space, or by equal bytes.
        The images are those that are there when the call begins; those replaced or deleted before their group is
        complete are left out. A group of more than MAX_GROUP_IDS comes in parts that each begin with its first id.

        Raises:
            CollectionNotFound, ModelNotFound: it names something that is not there.
            InvalidField: no model is named, or the distance is out of range.
            BackendUnavailable: a store does not answer.
        """
        limits.require_duplicates(model, max_distance)
        with deadline.stage("search"):
            collection = await self._survey.collection(name)
            (binding,) = chosen(collection, [model])
            images = await self._images(collection)
            joined = DisjointSets(len(images.keys))
            await _Joining(self._survey, collection, binding, images, max_distance, joined).run()
            for group in joined.groups():
                present = await self._present(collection, images, group)
                for part in _parts(present):
                    yield part

    async def _images(self, collection: Collection) -> _Images:
        images = _Images()
        async for record in self._survey.records(collection):
            images.places[record.key] = len(images.keys)
            images.keys.append(record.key)
            images.hashes.append(record.version.content_sha256)
        return images

    async def _present(self, collection: Collection, images: _Images, group: Sequence[int]) -> list[str]:
        """Return the ids of a group whose pictures are still the ones that were looked at."""
        ids = [images.keys[place].image_id for place in group]
        records = await self._survey.read(collection, ids)
        return [
            image_id
            for image_id, place, record in zip(ids, group, records, strict=True)
            if record is not None and record.version.content_sha256 == images.hashes[place]
        ]


class DisjointSets:
    """The numbers 0 to `count` - 1 in sets that can be joined: Tarjan's union-find, with path halving."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def join(self, a: int, b: int) -> None:
        """Make the sets of two numbers one."""
        first, second = sorted((self._root(a), self._root(b)))
        self._parents[second] = first

    def groups(self) -> list[list[int]]:
        """Return the sets of two and more, each sorted, by their least numbers."""
        members: defaultdict[int, list[int]] = defaultdict(list)
        for number in range(len(self._parents)):
            members[self._root(number)].append(number)
        return [group for group in members.values() if len(group) > 1]

    def _root(self, number: int) -> int:
        parents = self._parents
        while parents[number] != number:
            parents[number] = number = parents[parents[number]]
        return number


@dataclass(frozen=True, slots=True)
class _Joining:
    """The search for what is near what, under way."""

    survey: Survey
    collection: Collection
    binding: Binding
    images: _Images
    max_distance: float
    joined: DisjointSets

    async def run(self) -> None:
        """Search with one image of each content: equal bytes have equal vectors."""
        first: dict[str, int] = {}
        for place, content in enumerate(self.images.hashes):
            self.joined.join(first.setdefault(content, place), place)
        distinct = list(first.values())
        for start in range(0, len(distinct), BLOCK):
            keys = [self.images.keys[place] for place in distinct[start : start + BLOCK]]
            vectors = await self.survey.vectors(self.binding, keys)
            await together(self._join(self.images.places[key], vector) for key, vector in vectors.items())

    async def _join(self, place: int, vector: Vector) -> None:
        depth = _FIRST_DEPTH
        while not await self._join_nearest(place, vector, depth):
            depth = min(DEEPEST, depth * _DEEPER)

    async def _join_nearest(self, place: int, vector: Vector, depth: int) -> bool:
        """Join an image with those near it among the `depth` nearest rows; say whether there can be no more."""
        matches = await self.survey.search(self.collection, self.binding, vector, depth)
        for match in matches:
            if match.distance <= self.max_distance:
                self.joined.join(place, self.images.places.get(match.key, place))
        return len(matches) < depth or depth >= DEEPEST or matches[-1].distance > self.max_distance


def _parts(ids: Sequence[str]) -> list[Sequence[str]]:
    """Return a group in as few parts as its size takes, none where fewer than two are left of it."""
    if len(ids) < 2:  # noqa: PLR2004 a pair
        return []
    step = MAX_GROUP_IDS - 1
    return [[ids[0], *ids[start : start + step]] for start in range(1, len(ids), step)]
