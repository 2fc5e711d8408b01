"""Conditions on attributes, as a tree."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from search_service.values import Attributes

_ABSENT = object()


@dataclass(frozen=True, slots=True)
class AllOf:
    """True when every member is."""

    members: Sequence["Filter"]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True when some member is."""

    members: Sequence["Filter"]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """True when no member is."""

    members: Sequence["Filter"]


@dataclass(frozen=True, slots=True)
class OneOf:
    """True when the attribute is one of the values, of the same JSON type."""

    attribute: str
    values: Sequence[Any]


@dataclass(frozen=True, slots=True)
class Between:
    """True when the attribute is a number within the bounds that are set."""

    attribute: str
    gt: float | None = None
    gte: float | None = None
    lt: float | None = None
    lte: float | None = None


@dataclass(frozen=True, slots=True)
class Exists:
    """True when the attribute is there, or is not, as `wanted` says."""

    attribute: str
    wanted: bool


Filter = AllOf | AnyOf | NoneOf | OneOf | Between | Exists


def holds(condition: Filter, attributes: Attributes) -> bool:
    """Say whether a condition is true of an image's attributes."""
    match condition:
        case AllOf(members):
            return all(holds(member, attributes) for member in members)
        case AnyOf(members):
            return any(holds(member, attributes) for member in members)
        case NoneOf(members):
            return not any(holds(member, attributes) for member in members)
        case OneOf(attribute, values):
            return any(_same(attributes.get(attribute, _ABSENT), value) for value in values)
        case Exists(attribute, wanted):
            return (attribute in attributes) is wanted
        case Between():
            return _between(condition, attributes.get(condition.attribute))


def _same(value: Any, wanted: Any) -> bool:
    """Compare as JSON does: `True` is not 1, and 1 is 1.0."""
    return isinstance(value, bool) is isinstance(wanted, bool) and bool(value == wanted)


def _between(bounds: Between, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (
        (bounds.gt is None or value > bounds.gt)
        and (bounds.gte is None or value >= bounds.gte)
        and (bounds.lt is None or value < bounds.lt)
        and (bounds.lte is None or value <= bounds.lte)
    )


def depth(condition: Filter) -> int:
    """Return the number of levels of a condition."""
    return 1 + max((depth(member) for member in _members(condition)), default=0)


def size(condition: Filter) -> int:
    """Return the number of nodes of a condition."""
    return 1 + sum(size(member) for member in _members(condition))


def _members(condition: Filter) -> Sequence[Filter]:
    return condition.members if isinstance(condition, AllOf | AnyOf | NoneOf) else ()
