"""The filter tree of the API as the core's."""

from collections.abc import Sequence
from typing import Any

from likeness.v1 import types_pb2
from search_service import filters
from search_service.convert_struct import plain
from servicekit.errors import invalid_field

_MAX_NAME_CHARS = 128
_MAX_VALUES = 1000
# As deep as a filter may be and a little more: the core says what is wrong, this only ends the recursion.
_MAX_LEVELS = 16
_GROUPS: dict[str, type[filters.AllOf | filters.AnyOf | filters.NoneOf]] = {
    "all_of": filters.AllOf,
    "any_of": filters.AnyOf,
    "none_of": filters.NoneOf,
}
_BOUNDS = ("gt", "gte", "lt", "lte")


def from_filter(message: types_pb2.Filter, level: int = 0) -> filters.Filter:
    """Return the filter of a message.

    Raises:
        InvalidField: a node says nothing, or says it in a way that has no meaning.
    """
    kind = message.WhichOneof("kind")
    if kind is None or level > _MAX_LEVELS:
        raise invalid_field("filter", "every node must hold a list or a condition, at most 8 levels deep")
    if kind == "condition":
        return _condition(message.condition)
    return _GROUPS[kind]([from_filter(member, level + 1) for member in getattr(message, kind).filters])


def _condition(message: types_pb2.Condition) -> filters.Filter:
    name = message.attribute
    if not 1 <= len(name) <= _MAX_NAME_CHARS:
        raise invalid_field("filter.condition.attribute", f"1 to {_MAX_NAME_CHARS} characters")
    match message.WhichOneof("test"):
        case "equals":
            return filters.OneOf(name, _values([message.equals]))
        case "in_list":
            return filters.OneOf(name, _values(message.in_list.values))
        case "range":
            return filters.Between(name, **_bounds(message.range))
        case "exists":
            return filters.Exists(name, message.exists)
        case _:
            raise invalid_field("filter.condition.test", "must be set")


def _values(messages: Sequence[Any]) -> list[Any]:
    if len(messages) > _MAX_VALUES:
        raise invalid_field("filter.condition.in_list", f"at most {_MAX_VALUES} values")
    if any(value.WhichOneof("kind") in (None, "struct_value", "list_value") for value in messages):
        raise invalid_field("filter.condition", "a value must be a string, a number, a bool or null")
    return [plain(value) for value in messages]


def _bounds(message: types_pb2.Range) -> dict[str, float]:
    bounds = {name: getattr(message, name) for name in _BOUNDS if message.HasField(name)}
    if not bounds:
        raise invalid_field("filter.condition.range", "at least one bound must be set")
    return bounds
