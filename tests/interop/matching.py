"""Compares what a client said with what the table expects."""

import operator
from collections.abc import Iterator
from typing import Any

_BOUNDS = {"below": operator.lt, "above": operator.gt}
# Every error of ours has the domain; what the row does not name must not be there.
_ERROR: dict[str, Any] = {"domain": "likeness", "fields": None, "retry_seconds": None}


def differences(expected: Any, said: Any, path: str = "") -> Iterator[str]:
    """Yield every way in which `said` is not as expected.

    A list has exactly the items expected, an object at least the members expected, without those expected to be null.
    {"below": x} and {"above": x} stand for a value, {"any": true} for any, or none.
    """
    if isinstance(expected, dict) and expected.keys() == {"any"}:
        return
    if isinstance(expected, dict) and expected and expected.keys() <= _BOUNDS.keys():
        yield from _out_of_bounds(expected, said, path)
    elif isinstance(expected, dict):
        yield from _members(expected, said, path)
    elif isinstance(expected, list) and isinstance(said, list) and len(expected) == len(said):
        for i, (one, other) in enumerate(zip(expected, said, strict=True)):
            yield from differences(one, other, f"{path}[{i}]")
    elif expected != said or isinstance(expected, bool) is not isinstance(said, bool):
        yield f"{path}: {expected!r} was expected, not {said!r}"


def _members(expected: dict[str, Any], said: Any, path: str) -> Iterator[str]:
    if not isinstance(said, dict):
        yield f"{path}: an object was expected, not {said!r}"
        return
    whole = {**_ERROR, **expected} if "code" in expected else expected
    for name, value in whole.items():
        yield from differences(value, said.get(name), f"{path}.{name}")


def _out_of_bounds(expected: dict[str, Any], said: Any, path: str) -> Iterator[str]:
    for name, bound in expected.items():
        if said is None or not _BOUNDS[name](said, bound):
            yield f"{path}: {said!r} is not {name} {bound!r}"
