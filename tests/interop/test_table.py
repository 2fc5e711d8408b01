"""The table covers the contract, can fail, and the page shows the programs that run."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.source import reasons
from tests.interop import table
from tests.interop.clients import HERE, LANGUAGES
from tests.interop.matching import differences
from tests.interop.site import CONDITIONS

# Kinds of error, each of which is sent only with the reason of something more special.
_KINDS = {"ABORTED", "ALREADY_EXISTS", "FAILED_PRECONDITION", "INVALID_ARGUMENT", "NOT_FOUND"}
_NAMES = {"mine": "m", "photos": "p", "language": "l", "sha256_of_3": "s", "reader_token": "t"}
_PLACES = {"crowded", "gateway", "guarded", "leaving", "search"}


def steps() -> list[table.Step]:
    under = [step for name in table.CONDITIONS for step in table.under(name, _NAMES)]
    return [*table.script(_NAMES), *under]


def test_every_reason_is_met_by_every_language() -> None:
    assert table.reasons() == reasons() - _KINDS | {"INTERNAL"}


def test_every_condition_of_the_table_can_be_brought_about() -> None:
    assert set(table.CONDITIONS) == set(CONDITIONS)


@pytest.mark.parametrize("step", steps(), ids=lambda step: str(step["step"]))
def test_a_step_expects_one_thing_in_one_place(step: table.Step) -> None:
    assert ("ok" in step) is not ("error" in step)
    assert step.get("at", "gateway") in _PLACES
    assert "refused" not in step or "attempts" in step


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield from leaves(member, (*path, key))
    if not isinstance(value, dict | list):
        yield path


def changed(value: Any, path: tuple[Any, ...]) -> Any:
    other = copy.deepcopy(value)
    at = other
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = ["something else"]
    return other


def plain(step: table.Step) -> bool:
    return not re.search(r'"(above|below|any)"', json.dumps(step))


@pytest.mark.parametrize("step", [step for step in steps() if plain(step)], ids=lambda step: str(step["step"]))
def test_no_answer_but_the_one_expected_is_accepted(step: table.Step) -> None:
    expected = {name: step[name] for name in ("ok", "error") if name in step}
    said = json.loads(json.dumps(expected).replace('"code"', '"domain": "likeness", "code"'))
    if any(step.get("error", {}).get(name, "") is None for name in ("domain",)):
        said["error"]["domain"] = None
    assert list(differences(expected, said)) == []
    for path in leaves(expected):
        assert list(differences(expected, changed(said, path))) != [], path


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ({"below": 1}, 1),
        ({"below": 1}, None),
        ({"above": ""}, ""),
        ([1], [1, 2]),
        ([], [1]),
        ({"a": 1}, {}),
        ({"a": {}}, {"a": None}),
        (1, True),
        ({"code": "NOT_FOUND"}, {"code": "NOT_FOUND"}),
        ({"code": "NOT_FOUND"}, {"code": "NOT_FOUND", "domain": "likeness", "fields": ["a"]}),
        ({"code": "NOT_FOUND"}, {"code": "NOT_FOUND", "domain": "likeness", "retry_seconds": 1}),
    ],
)
def test_what_is_not_as_expected_is_noticed(expected: Any, said: Any) -> None:
    assert list(differences(expected, said)) != []


def test_the_page_shows_the_programs_that_run(root: Path) -> None:
    page = (root / "docs" / "clients.md").read_text()
    shown = dict(re.findall(r"\]\(\.\./tests/interop/([^)]+)\)\n\n```\w+\n(.*?)```\n", page, flags=re.DOTALL))
    assert {path.partition("/")[0] for path in shown} == {*LANGUAGES, "python"}
    for path, text in shown.items():
        assert text == (HERE / path).read_text(), path
