"""What the calls of a client take by name, and the rules that hold before anything is sent.

An unknown name, or a value of the wrong type, is a TypeError; a value out of bounds is a LikenessError, INVALID_FIELD,
as the server would answer.
"""

import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from numbers import Real
from typing import Any, Literal, TypedDict

from likeness.errors import invalid_field
from likeness.filters import Where, as_filter

_MAX_INT32 = 2**31 - 1
_MAX_TIMEOUT_SECONDS = 365 * 24 * 3600
_FUSIONS = ("RECIPROCAL_RANK", "WEIGHTED_DISTANCE")
_METRICS = ("L2", "COSINE")


class CallOptions(TypedDict, total=False):
    """What every call takes: a collection other than the client's, and a timeout other than the service config's."""

    collection: str
    timeout_seconds: float


class CompareOptions(CallOptions, total=False):
    """How to look: `models` by name, none for all; `top_k` in [1, 1000], 10 by default; `where` the filter."""

    image_id: str
    models: Sequence[str]
    top_k: int
    where: Where
    strong: bool


class SearchOptions(CompareOptions, total=False):
    """As CompareOptions; `weights` by model, and `fusion` RECIPROCAL_RANK or WEIGHTED_DISTANCE, make the fused list."""

    max_distance: float
    exclude_self: bool
    fusion: Literal["RECIPROCAL_RANK", "WEIGHTED_DISTANCE", "reciprocal_rank", "weighted_distance"]
    weights: Mapping[str, float]
    include_attributes: bool
    require_all_models: bool


class ListOptions(CallOptions, total=False):
    """Which records: those that a filter holds for, those that have no vector of a model."""

    where: Where
    missing_model: str


class CollectionOptions(TypedDict, total=False):
    """A new collection: `models` by name, none for all that are served; `metric` L2 or COSINE."""

    models: Sequence[str]
    metric: Literal["L2", "COSINE", "l2", "cosine"]
    description: str
    timeout_seconds: float


def checked(options: Mapping[str, Any], known: Any) -> dict[str, Any]:
    """Return the options of a call, each as its request takes it; one that is None, `collection` apart, is not given.

    Raises:
        TypeError: one is not among the keys of `known`, a TypedDict, or is of the wrong type.
        LikenessError: INVALID_FIELD, a value that cannot be sent.
    """
    if unknown := sorted(set(options) - set(known.__annotations__)):
        raise TypeError(f"unexpected keyword argument {unknown[0]!r}; known are {', '.join(known.__annotations__)}")
    given = {name: value for name, value in options.items() if value is not None or name == "collection"}
    return {name: _CHECKS[name](name, value) for name, value in given.items()}


def text(name: str, value: Any) -> str:
    """Return a value that must be text which UTF-8 can write."""
    if not isinstance(value, str):
        raise _wrong_type(name, "text", value)
    try:
        value.encode()
    except UnicodeEncodeError:
        raise invalid_field(name, "has characters that UTF-8 cannot write") from None
    return value


def names(name: str, values: Any) -> list[str]:
    """Return a value that must be several texts; one text is not taken for its letters."""
    if isinstance(values, str | bytes | bytearray | memoryview | Mapping) or not isinstance(values, Iterable):
        raise _wrong_type(name, "a sequence of texts", values)
    return [text(f"{name}[{number}]", value) for number, value in enumerate(values)]


def flag(name: str, value: Any) -> bool:
    """Return a value that must be True or False."""
    if not isinstance(value, bool):
        raise _wrong_type(name, "True or False", value)
    return value


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise _wrong_type(name, "a whole number", value)
    number = operator.index(value)
    if not 0 <= number <= _MAX_INT32:
        raise invalid_field(name, f"{number} is out of bounds")
    return number


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real):
        raise _wrong_type(name, "a number", value)
    try:
        return float(value)
    except OverflowError:
        raise invalid_field(name, "is out of bounds") from None


def _seconds(name: str, value: Any) -> float:
    seconds = _number(name, value)
    if not (math.isfinite(seconds) and 0 < seconds <= _MAX_TIMEOUT_SECONDS):
        raise invalid_field(name, f"{seconds} is not above 0 and at most {_MAX_TIMEOUT_SECONDS:,}")
    return seconds


def _choice(known: Sequence[str], name: str, value: Any) -> str:
    chosen = text(name, value).upper()
    if chosen not in known:
        raise invalid_field(name, f"{value!r} is none of {', '.join(known)}")
    return chosen


def _weights(name: str, value: Any) -> dict[str, float]:
    if not isinstance(value, Mapping):
        raise _wrong_type(name, "a mapping of models to numbers", value)
    return {text(f"a key of {name}", model): _number(f"{name}[{model!r}]", weight) for model, weight in value.items()}


def _wrong_type(name: str, wanted: str, value: Any) -> TypeError:
    return TypeError(f"{name} must be {wanted}, not a {type(value).__name__}")


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(("collection", "image_id", "missing_model", "description"), text),
    **dict.fromkeys(("strong", "exclude_self", "include_attributes", "require_all_models"), flag),
    "fusion": partial(_choice, _FUSIONS),
    "max_distance": _number,
    "metric": partial(_choice, _METRICS),
    "models": names,
    "timeout_seconds": _seconds,
    "top_k": _whole,
    "weights": _weights,
    "where": as_filter,
}
