"""Judges what a service answers while things die around it: by the log of what was asked of it and what came back.

Every image is a register. A write puts a version there, a deletion puts nothing. Each operation takes effect at one
moment between its beginning and its end; one whose outcome is unknown may do so at any later moment, or never. An
answer is right if some order of these moments explains it, and wrong for certain otherwise: what an acknowledged
operation did can only be undone by a later one.
"""

import math
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import count

# Of a distance in [0, 2], as float32 has it.
_TOLERANCE = 2e-3


class Violation(AssertionError):
    """The service broke a promise."""


class Outcome(Enum):
    """What the caller was told."""

    DONE = "done"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Operation:
    """A write of one version of one image or, with no version, a deletion. It takes effect by `latest`, if ever."""

    image_id: str
    version: int | None
    begun: int
    returned: bool = False
    outcome: Outcome = Outcome.UNKNOWN
    latest: float = math.inf


@dataclass(frozen=True, slots=True)
class Hit:
    """One hit of one model's list: the version that its record names, and the distance that its row gave."""

    image_id: str
    version: int
    distance: float


@dataclass(frozen=True, slots=True)
class AtRest:
    """All that a service stores once nothing is under way: pages of the listing put together, and counts."""

    listed: Sequence[tuple[str, int]]
    count: int
    rows: Mapping[str, int]


@dataclass
class _Image:
    """Operations that may explain an answer yet, and when later ones are known to have taken effect."""

    explanations: list[Operation] = field(default_factory=list)
    _ended: list[int] = field(default_factory=list)
    _begun: list[int] = field(default_factory=list)

    def certain(self, begun: int, ended: int) -> None:
        """Note that something took effect, or was seen, between these moments; calls come in the order of `ended`."""
        self._ended.append(ended)
        self._begun.append(max(begun, self._begun[-1] if self._begun else -1))

    def is_overtaken(self, moment: float) -> bool:
        """Return whether something is known to have taken effect that began after `moment`."""
        return bool(self._begun) and self._begun[-1] > moment

    def horizon(self, since: int) -> int:
        """Return the moment before which nothing that took effect counts any more at `since`."""
        index = bisect_left(self._ended, since)
        return self._begun[index - 1] if index else -1

    def explaining(self, version: int | None, since: int) -> list[Operation]:
        oldest = self.horizon(since)
        return [
            operation
            for operation in self.explanations
            if operation.version == version and operation.outcome is not Outcome.REFUSED and operation.latest >= oldest
        ]


class Oracle:
    """The log. Times are places in the order in which this process saw things happen.

    Args:
        distance: Of two versions, by a model's name: what a search with the first must say of the second.
    """

    def __init__(self, distance: Callable[[str, int, int], float]) -> None:
        self._distance = distance
        self._moments = count(1)
        self._images: defaultdict[str, _Image] = defaultdict(_fresh)
        self.outcomes: Counter[Outcome] = Counter()

    @property
    def image_ids(self) -> set[str]:
        """Every image that was ever written or deleted."""
        return set(self._images)

    def now(self) -> int:
        """Return the present moment: where a question begins."""
        return next(self._moments)

    def begin(self, image_id: str, version: int | None) -> Operation:
        """Log a write or a deletion that is about to be asked for."""
        operation = Operation(image_id, version, self.now())
        self._images[image_id].explanations.append(operation)
        return operation

    def end(self, operation: Operation, outcome: Outcome) -> None:
        """Log what the caller was told of it."""
        operation.returned, operation.outcome = True, outcome
        self.outcomes[outcome] += 1
        if outcome is Outcome.DONE:
            operation.latest = self.now()
            self._images[operation.image_id].certain(operation.begun, int(operation.latest))

    def settle(self) -> None:
        """Say that nothing asked for so far can take effect any more: whoever was at it is dead, or has answered."""
        moment = self.now()
        for image in self._images.values():
            for operation in image.explanations:
                operation.latest = min(operation.latest, moment)
            oldest = image.horizon(moment)
            image.explanations = [o for o in image.explanations if o.latest >= oldest]

    def possible(self, image_id: str, since: int | None = None) -> set[int | None]:
        """Return what an answer may say of an image to a question asked at `since`."""
        image, since = self._images[image_id], since or self.now()
        versions = {operation.version for operation in image.explanations}
        return {version for version in versions if image.explaining(version, since)}

    def saw(self, image_id: str, version: int | None, since: int) -> None:
        """Judge an answer that an image is there in a version, or not there, to a question asked at `since`.

        Raises:
            Violation: it cannot be. What is seen once is held against all later answers.
        """
        image = self._images[image_id]
        explaining = image.explaining(version, since)
        if not explaining:
            raise Violation(f"{image_id}: saw version {version} where {self.possible(image_id, since)} could be")
        moment = self.now()
        for operation in explaining:
            if math.isinf(operation.latest):
                # It takes effect once, so if nothing else can have been seen, it has.
                operation.latest = moment if len(explaining) == 1 and operation.returned else math.inf
            elif not image.is_overtaken(operation.latest):
                operation.latest = moment
        image.certain(since, moment)

    def searched(self, model: str, query: int, hits: Sequence[Hit]) -> None:
        """Judge one model's own list for the vector of the version `query`.

        Raises:
            Violation: an id stands twice, the order is wrong, or a distance is not that of the record's version.
        """
        _require_once((hit.image_id for hit in hits), f"the list of {model}")
        distances = [hit.distance for hit in hits]
        if distances != sorted(distances):
            raise Violation(f"the list of {model} is not in order")
        for hit in hits:
            expected = self._distance(model, query, hit.version)
            if abs(hit.distance - expected) > _TOLERANCE:
                raise Violation(
                    f"{hit.image_id}: {model} has it at {hit.distance:.4f}, its record's version is at {expected:.4f}"
                )

    def saw_all(self, found: Sequence[tuple[str, int]], since: int) -> None:
        """Judge a complete list: of an image that is not in it, the answer says that it is not there.

        Raises:
            Violation: an image stands in it twice, in a version that cannot be, or should have been there.
        """
        _require_once((image_id for image_id, _ in found), "a list")
        versions = dict(found)
        for image_id in self.image_ids | versions.keys():
            self.saw(image_id, versions.get(image_id), since)

    def first(self, image_id: str, version: int, found: Sequence[Hit]) -> None:
        """Judge a search with an image's own vector, at rest: no other image comes before it, save its equals.

        Raises:
            Violation: one does, or it is not there.
        """
        equals = [hit.image_id for hit in found if hit.distance <= found[0].distance + _TOLERANCE]
        if image_id not in equals:
            raise Violation(f"{image_id}: not first for the vector of its own version {version}, but {equals}")

    def at_rest(self, stored: AtRest) -> None:
        """Judge what is stored: the listing, the count of records and the rows of each model are of one number.

        Raises:
            Violation: they are not, or the listing is wrong.
        """
        self.saw_all(stored.listed, self.now())
        numbers = {"listed": len(stored.listed), "records": stored.count, **stored.rows}
        if len(set(numbers.values())) > 1:
            raise Violation(f"counts differ: {numbers}")


def _fresh() -> _Image:
    """Return an image that is not there yet."""
    return _Image([Operation("", None, 0, returned=True, outcome=Outcome.DONE, latest=0)])


def _require_once(image_ids: Iterable[str], where: str) -> None:
    twice = [image_id for image_id, times in Counter(image_ids).items() if times > 1]
    if twice:
        raise Violation(f"{twice[0]}: twice in {where}")
