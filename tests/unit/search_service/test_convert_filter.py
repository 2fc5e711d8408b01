"""What is wrong with a filter is named by the place of its node."""

import math
from collections.abc import Callable

import pytest

from likeness.v1 import types_pb2
from search_service.convert_filter import from_filter
from servicekit.errors import InvalidField


def filters(*members: types_pb2.Filter) -> types_pb2.FilterList:
    return types_pb2.FilterList(filters=members)


def on(**test: object) -> types_pb2.Filter:
    return types_pb2.Filter(condition=types_pb2.Condition(**{"attribute": "a", **test}))  # type: ignore[arg-type]


FINE = on(exists=True)


def all_of(levels: int, innermost: types_pb2.Filter) -> types_pb2.Filter:
    for _ in range(levels):
        innermost = types_pb2.Filter(all_of=filters(innermost))
    return innermost


WRONG = [
    (types_pb2.Filter(), "", "must hold all_of"),
    (on(), ".condition", "must hold equals"),
    (on(attribute="", exists=True), ".condition.attribute", "1 to 128"),
    (on(attribute="a" * 129, exists=True), ".condition.attribute", "1 to 128"),
    (on(equals={"list_value": {}}), ".condition.equals", "must be a string"),
    (on(in_list={"values": [{"bool_value": True}, {}]}), ".condition.in_list.values[1]", "must be a string"),
    (on(in_list={"values": [{"bool_value": True}] * 1001}), ".condition.in_list", "at most 1000"),
    (on(range={}), ".condition.range", "at least one bound"),
    (on(range={"gt": 1, "lte": math.nan}), ".condition.range.lte", "is not a number"),
    (on(equals={"number_value": math.nan}), ".condition.equals", "is not a number"),
]
PLACES: list[tuple[str, Callable[[types_pb2.Filter], types_pb2.Filter]]] = [
    ("filter", lambda node: node),
    ("filter.all_of.filters[1]", lambda node: types_pb2.Filter(all_of=filters(FINE, node))),
    (
        "filter.none_of.filters[0].any_of.filters[2]",
        lambda node: types_pb2.Filter(none_of=filters(types_pb2.Filter(any_of=filters(FINE, FINE, node)))),
    ),
]


@pytest.mark.parametrize(("node", "field", "problem"), WRONG)
@pytest.mark.parametrize(("place", "within"), PLACES)
def test_a_wrong_node_is_named_by_its_place(
    node: types_pb2.Filter, field: str, problem: str, place: str, within: Callable[[types_pb2.Filter], types_pb2.Filter]
) -> None:
    with pytest.raises(InvalidField, match=problem) as refused:
        from_filter(within(node))
    assert [violation.field for violation in refused.value.violations] == [place + field]


@pytest.mark.parametrize("levels", [8, 40])
def test_a_filter_that_is_too_deep_is_said_to_be(levels: int) -> None:
    with pytest.raises(InvalidField, match=r"^filter: at most 8 levels deep$"):
        from_filter(all_of(levels, FINE))


def test_the_deepest_filter_is_taken() -> None:
    from_filter(all_of(7, FINE))
