"""Filters as Milvus expressions: nothing of a caller's outside a literal, and nothing too long or too deep."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_service.expression import MAX_CHARS, NEVER, expression, literal
from search_service.filters import AllOf, AnyOf, Between, Exists, Filter, NoneOf, OneOf
from tests.filter_trees import texts, trees

# As Milvus's lexer reads a string between double quotes: no line ends, and a backslash takes the next character along.
STRING = re.compile(r'"(?:[^"\\\r\n]|\\.)*"')
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]\d+)?")
WORDS = {"attributes", "pk", "and", "or", "not", "in", "true", "false"}


def read_back(quoted: str) -> str:
    """Return the text that a literal stands for."""
    return re.sub(r"\\(.)", r"\1", quoted[1:-1])


@given(texts)
def test_a_literal_is_one_string_that_reads_back(text: str) -> None:
    quoted = literal(text)
    if quoted is None:
        assert not text.isprintable()
    else:
        assert STRING.fullmatch(quoted)
        assert read_back(quoted) == text


@given(trees(), st.booleans())
def test_outside_literals_there_are_only_words_of_ours(condition: Filter, negates: bool) -> None:
    written = expression(condition, negates=negates)
    bare = NUMBER.sub("", STRING.sub("", written))
    assert re.fullmatch(r"[\w\s()\[\],<>=]*", bare)
    assert set(re.findall(r"[A-Za-z_]+", bare)) <= WORDS


def nesting(text: str) -> int:
    """Return how deep the brackets of a text go."""
    depth = deepest = 0
    for character in STRING.sub("", text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        deepest = max(deepest, depth)
    return deepest


@given(trees(), st.booleans())
def test_brackets_close(condition: Filter, negates: bool) -> None:
    written = STRING.sub("", expression(condition, negates=negates))
    assert written.count("(") == written.count(")")


@pytest.mark.parametrize("group", [AllOf, AnyOf])
def test_a_wide_filter_is_not_deep(group: type[AllOf | AnyOf]) -> None:
    written = expression(group([OneOf("n", [float(i)]) for i in range(255)]), negates=True)
    assert written.count("in [") == 255
    assert nesting(written) <= 8


def test_a_filter_that_would_be_too_long_limits_nothing() -> None:
    short = OneOf("label", ["x" * 60] * 1000)
    assert len(expression(short, negates=True)) == pytest.approx(64_000, abs=200)
    assert len(expression(short, negates=True)) <= MAX_CHARS
    assert expression(OneOf("label", ["x" * 70] * 1000), negates=True) == ""


@pytest.mark.parametrize(
    ("condition", "written"),
    [
        (OneOf("a", ["x"]), 'attributes["a"] in ["x"]'),
        (OneOf("a", [1.0, True, 2]), '(attributes["a"] in [1.0, 2.0] or attributes["a"] in [true])'),
        (OneOf("a", []), NEVER),
        (OneOf("a", [None]), ""),
        (OneOf("a", ["x", None]), ""),
        (OneOf("a", ["two\nlines"]), ""),
        (OneOf("a\0b", ["x"]), ""),
        (OneOf("a", [5e-324]), ""),
        (OneOf("a", [float("nan")]), ""),
        (Between("a", gt=-1.0, lte=1e300), '(attributes["a"] > -1.0 and attributes["a"] <= 1e+300)'),
        (Between("a", gt=float("-inf")), ""),
        (Exists("a", True), ""),
        (Exists("a", False), ""),
        (AllOf([]), ""),
        (AnyOf([]), NEVER),
        (NoneOf([]), ""),
        (AllOf([OneOf("a", ["x"]), Exists("b", True)]), 'attributes["a"] in ["x"]'),
        (AnyOf([OneOf("a", ["x"]), Exists("b", True)]), ""),
        (NoneOf([OneOf("a", ["x"]), Between("a", gt=1.0)]), 'attributes["a"] not in ["x"]'),
        (NoneOf([NoneOf([OneOf("a", ["x"])])]), ""),
    ],
)  # fmt: skip
def test_what_each_test_becomes(condition: Filter, written: str) -> None:
    assert expression(condition, negates=True) == written


def test_where_absent_means_null_nothing_is_negated() -> None:
    assert expression(NoneOf([OneOf("a", ["x"])]), negates=False) == ""
