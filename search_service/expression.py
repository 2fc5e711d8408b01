"""Filters as expressions that Milvus evaluates before a search: never stricter than the filter, sometimes weaker.

Rows lost here could not be found again, so only tests that every Milvus judges exactly as `filters.holds` does are
handed on. The others become true, and the records decide.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from search_service.filters import AllOf, AnyOf, Between, Exists, Filter, NoneOf, OneOf

KEY_FIELD = "pk"
ATTRIBUTES_FIELD = "attributes"
# No row has an empty key.
NEVER = f'{KEY_FIELD} == ""'
MAX_CHARS = 64 * 1024
# Milvus Lite cannot read smaller numbers that are not zero.
_SMALLEST = 2.3e-308
_OPERATORS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def expression(condition: Filter, *, negates: bool) -> str:
    """Return an expression that is true of every row whose attributes the condition holds for; empty for no limit.

    Args:
        condition: What the rows should fulfil.
        negates: Whether this Milvus counts a row without an attribute among those whose attribute differs.
    """
    text = _compiled(condition, negates)
    return text if text is not None and len(text) <= MAX_CHARS else ""


def literal(text: str) -> str | None:
    """Return a text as Milvus writes a string, or None where not every Milvus can read it back.

    The only function through which a caller's text gets into an expression. Milvus Lite knows no escapes but those of
    the quote and of the backslash.
    """
    if not text.isprintable():
        return None
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


def _compiled(condition: Filter, negates: bool) -> str | None:
    """Return an expression, or None for one that is always true."""
    match condition:
        case AllOf(members):
            return _all(_compiled(member, negates) for member in members)
        case AnyOf(members):
            return _any([_compiled(member, negates) for member in members])
        case NoneOf(members):
            return _all(_differs(member) if negates else None for member in members)
        case OneOf(attribute, values):
            return _one_of(attribute, values)
        case Between():
            return _between(condition)
        case Exists():
            # Newer servers take an attribute that is null for absent, and Milvus Lite has no such test.
            return None


def _all(parts: Iterable[str | None]) -> str | None:
    known = [part for part in parts if part is not None]
    return _joined("and", known) if known else None


def _any(parts: Sequence[str | None]) -> str | None:
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    return _joined("or", known) if known else NEVER


def _joined(word: str, parts: Sequence[str]) -> str:
    """Join in halves: Milvus fails on a chain of more than some 48, each of which nests one level deeper."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({_joined(word, parts[:middle])} {word} {_joined(word, parts[middle:])})"


def _one_of(attribute: str, values: Sequence[Any]) -> str | None:
    """Return a test for each type of value: a list of several types makes Milvus fail."""
    name, lists = _name(attribute), _lists(values)
    if name is None or lists is None:
        return None
    return _any([f"{name} in [{', '.join(members)}]" for members in lists])


def _differs(condition: Filter) -> str | None:
    """Return what is true of every row that the condition does not hold for, where it can be said."""
    if not isinstance(condition, OneOf):
        return None
    name, lists = _name(condition.attribute), _lists(condition.values)
    if name is None or lists is None:
        return None
    return _all(f"{name} not in [{', '.join(members)}]" for members in lists)


def _between(bounds: Between) -> str | None:
    name = _name(bounds.attribute)
    if name is None:
        return None
    limits = {operator: getattr(bounds, bound) for bound, operator in _OPERATORS.items()}
    return _all(f"{name} {operator} {_number(limit)}" for operator, limit in limits.items() if _is_plain(limit))


def _name(attribute: str) -> str | None:
    quoted = literal(attribute)
    return None if quoted is None else f"{ATTRIBUTES_FIELD}[{quoted}]"


def _lists(values: Sequence[Any]) -> list[list[str]] | None:
    """Return the values as Milvus writes them, each type apart, or None if one of them cannot be written."""
    lists: dict[type, list[str]] = {}
    for value in values:
        text = _value(value)
        if text is None:
            return None
        lists.setdefault(_kind(value), []).append(text)
    return list(lists.values())


def _kind(value: Any) -> type:
    return float if isinstance(value, int) and not isinstance(value, bool) else type(value)


def _value(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return literal(value)
    return _number(value) if _is_plain(value) else None


def _is_plain(value: Any) -> bool:
    """Say whether every Milvus reads a number as it stands."""
    return isinstance(value, int | float) and math.isfinite(value) and (value == 0 or abs(value) >= _SMALLEST)


def _number(value: float) -> str:
    return repr(float(value))
