"""Filters node by node."""

from typing import Any

import pytest

from search_service.filters import AllOf, AnyOf, Between, Exists, Filter, NoneOf, OneOf, depth, holds, size

IMAGE = {"label": "cat", "size": 3.0, "ok": True, "none": None, "zero": 0.0, "list": [1.0]}
YES, NO = OneOf("label", ["cat"]), OneOf("label", ["dog"])


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (OneOf("label", ["dog", "cat"]), True),
        (OneOf("label", ["Cat", ""]), False),
        (OneOf("missing", [None]), False),
        (OneOf("none", [None]), True),
        (OneOf("size", [3]), True),
        (OneOf("size", ["3"]), False),
        (OneOf("ok", [True]), True),
        (OneOf("ok", [1.0]), False),
        (OneOf("zero", [False]), False),
        (OneOf("label", []), False),
        (Exists("none", True), True),
        (Exists("missing", True), False),
        (Exists("missing", False), True),
        (Between("size", gt=3.0), False),
        (Between("size", gte=3.0, lt=3.5), True),
        (Between("size", lte=2.9), False),
        (Between("label", gt=-1e300), False),
        (Between("ok", gte=0.0), False),
        (Between("missing", gte=0.0), False),
        (AllOf([YES, YES]), True),
        (AllOf([YES, NO]), False),
        (AllOf([]), True),
        (AnyOf([NO, YES]), True),
        (AnyOf([NO]), False),
        (AnyOf([]), False),
        (NoneOf([NO]), True),
        (NoneOf([NO, YES]), False),
        (NoneOf([]), True),
        (AllOf([AnyOf([NO, YES]), NoneOf([AllOf([YES, NO])])]), True),
    ],
)
def test_a_condition_holds_or_not(condition: Filter, expected: bool) -> None:
    assert holds(condition, IMAGE) is expected


def test_depth_and_size() -> None:
    tree: Any = AllOf([AnyOf([YES, NO]), YES])
    assert (depth(YES), size(YES)) == (1, 1)
    assert (depth(tree), size(tree)) == (3, 5)
