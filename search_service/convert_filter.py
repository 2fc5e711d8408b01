"""The filter tree of the API as the core's."""

import math
from collections.abc import Sequence
from typing import Any

from likeness.v1 import types_pb2
from search_service import filters
from search_service.convert_struct import plain
from search_service.limits import MAX_ATTRIBUTE_CHARS, MAX_FILTER_DEPTH
from servicekit.errors import invalid_field

_MAX_VALUES = 1000
_GROUPS: dict[str, type[filters.AllOf | filters.AnyOf | filters.NoneOf]] = {
    "all_of": filters.AllOf,
    "any_of": filters.AnyOf,
    "none_of": filters.NoneOf,
}
_BOUNDS = ("gt", "gte", "lt", "lte")


def from_filter(message: types_pb2.Filter, field: str = "filter", level: int = 1) -> filters.Filter:
    """Return the filter of a message; `field` is its place in the request.

    Raises:
        InvalidField: a node says nothing, or says it in a way that has no meaning.
    """
    if level > MAX_FILTER_DEPTH:
        raise invalid_field("filter", f"at most {MAX_FILTER_DEPTH} levels deep")
    kind = message.WhichOneof("kind")
    if kind is None:
        raise invalid_field(field, "must hold all_of, any_of, none_of or a condition")
    if kind == "condition":
        return _condition(message.condition, f"{field}.condition")
    members = enumerate(getattr(message, kind).filters)
    return _GROUPS[kind]([from_filter(each, f"{field}.{kind}.filters[{i}]", level + 1) for i, each in members])


def _condition(message: types_pb2.Condition, field: str) -> filters.Filter:
    name = message.attribute
    if not 1 <= len(name) <= MAX_ATTRIBUTE_CHARS:
        raise invalid_field(f"{field}.attribute", f"1 to {MAX_ATTRIBUTE_CHARS} characters")
    match message.WhichOneof("test"):
        case "equals":
            return filters.OneOf(name, [_value(message.equals, f"{field}.equals")])
        case "in_list":
            return filters.OneOf(name, _values(message.in_list.values, f"{field}.in_list"))
        case "range":
            return filters.Between(name, **_bounds(message.range, f"{field}.range"))
        case "exists":
            return filters.Exists(name, message.exists)
        case _:
            raise invalid_field(field, "must hold equals, in_list, range or exists")


def _values(messages: Sequence[Any], field: str) -> list[Any]:
    if len(messages) > _MAX_VALUES:
        raise invalid_field(field, f"at most {_MAX_VALUES} values")
    return [_value(value, f"{field}.values[{i}]") for i, value in enumerate(messages)]


def _value(message: Any, field: str) -> Any:
    if message.WhichOneof("kind") in (None, "struct_value", "list_value"):
        raise invalid_field(field, "must be a string, a number, a bool or null")
    if math.isnan(message.number_value):
        raise invalid_field(field, "is not a number")
    return plain(message)


def _bounds(message: types_pb2.Range, field: str) -> dict[str, float]:
    bounds = {name: getattr(message, name) for name in _BOUNDS if message.HasField(name)}
    if not bounds:
        raise invalid_field(field, "at least one bound must be set")
    for name, bound in bounds.items():
        if math.isnan(bound):
            raise invalid_field(f"{field}.{name}", "is not a number")
    return bounds
