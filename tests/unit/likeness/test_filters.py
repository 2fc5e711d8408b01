"""What may say which images are deleted."""

import pytest

from likeness import LikenessError
from likeness.filters import as_filter, as_selection
from likeness.v1 import types_pb2


def group(kind: str, *members: types_pb2.Filter) -> types_pb2.Filter:
    made = types_pb2.Filter()
    getattr(made, kind).SetInParent()
    getattr(made, kind).filters.extend(members)
    return made


RED, NOTHING = as_filter("", {"colour": "red"}), as_filter("", {"colour": []})


@pytest.mark.parametrize(
    "where",
    [
        types_pb2.Filter(),
        *(group(kind) for kind in ("all_of", "any_of", "none_of")),
        group("all_of", RED, group("none_of")),
        group("any_of", RED, group("all_of")),
        group("none_of", NOTHING),
    ],
)
def test_an_empty_list_selects_nothing_to_delete(where: types_pb2.Filter) -> None:
    with pytest.raises(LikenessError, match="where: an empty list of conditions") as caught:
        as_selection("where", where)
    assert caught.value.reason == "INVALID_FIELD"


@pytest.mark.parametrize("where", [RED, NOTHING, group("none_of", RED), group("any_of", RED, group("all_of", RED))])
def test_conditions_select_what_to_delete(where: types_pb2.Filter) -> None:
    assert as_selection("where", where) == where
