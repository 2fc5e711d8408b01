"""What a program may hand over as a filter, as the filter of the contract."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format, struct_pb2

from likeness.errors import invalid_field
from likeness.v1 import types_pb2

Where = types_pb2.Filter | Mapping[str, Any]
"""A filter of the contract, or what each attribute must equal; a list stands for any of its members."""


def as_filter(name: str, where: Any) -> types_pb2.Filter:
    """Return the argument `name` as a filter.

    Raises:
        TypeError: it is neither a filter nor a mapping.
        LikenessError: INVALID_FIELD, an attribute is no text, or its value none that can be compared.
    """
    if isinstance(where, types_pb2.Filter):
        return where
    if not isinstance(where, Mapping):
        raise TypeError(f"{name} must be a Filter or a mapping, not a {type(where).__name__}")
    conditions = [types_pb2.Filter(condition=_condition(name, key, value)) for key, value in where.items()]
    return types_pb2.Filter(all_of=types_pb2.FilterList(filters=conditions))


def as_selection(name: str, where: Any) -> types_pb2.Filter:
    """Return the argument `name` as a filter that may say what to delete.

    Raises:
        TypeError: it is neither a filter nor a mapping.
        LikenessError: INVALID_FIELD, as `as_filter`, or a list in it is empty, so that it may hold for every image.
    """
    selection = as_filter(name, where)
    if _hollow(selection):
        raise invalid_field(name, "an empty list of conditions may hold for every image; delete_collection deletes all")
    return selection


def _hollow(where: types_pb2.Filter, *, denied: bool = False) -> bool:
    """Say whether a list that ought to select is empty, here or further in; `denied`: what it holds for is left out."""
    kind = where.WhichOneof("kind")
    if kind == "condition":
        return denied and where.condition.WhichOneof("test") == "in_list" and not where.condition.in_list.values
    members = getattr(where, kind).filters if kind else ()
    return not members or any(_hollow(member, denied=denied != (kind == "none_of")) for member in members)


def _condition(name: str, attribute: Any, value: Any) -> types_pb2.Condition:
    try:
        if isinstance(value, list | tuple | set | frozenset):
            members = struct_pb2.ListValue()
            members.extend(value)
            return types_pb2.Condition(attribute=attribute, in_list=members)
        return types_pb2.Condition(attribute=attribute, equals=json_format.ParseDict(value, struct_pb2.Value()))
    except (json_format.ParseError, AttributeError, RecursionError, TypeError, ValueError):
        message = f"cannot be sent; names are text, and values JSON, not a {type(value).__name__} of this kind"
        raise invalid_field(f"{name}[{attribute!r}]", message) from None
