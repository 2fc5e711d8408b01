"""Small functions, small files, plain names."""

import ast
from collections.abc import Iterator
from statistics import median, quantiles

import pytest

from tests.architecture.source import ROOT, Source, files_of, is_generated, product, read

MAX_FILE_LINES = 300
MAX_BODY_LINES = 40
NINE_IN_TEN_BODY_LINES = 20
MEDIAN_BODY_LINES = 8
# Names of drawers, not of jobs.
DRAWERS = {"utils", "util", "helpers", "helper", "common", "manager", "misc", "shared", "base", "core"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(file: Source) -> Iterator[Function]:
    return (node for node in ast.walk(file.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def body_lines(function: Function) -> int:
    """Return the lines from the first statement to the last, the docstring apart."""
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    return statements[-1].end_lineno - statements[0].lineno + 1 if statements else 0  # type: ignore[operator]


def lengths() -> dict[str, int]:
    return {
        f"{file.name}:{function.lineno} {function.name}": body_lines(function)
        for file in product()
        for function in functions(file)
    }


def test_no_function_is_long() -> None:
    assert {name: lines for name, lines in lengths().items() if lines > MAX_BODY_LINES} == {}


def test_nine_functions_in_ten_are_short() -> None:
    assert quantiles(lengths().values(), n=10)[-1] <= NINE_IN_TEN_BODY_LINES


def test_the_usual_function_is_very_short() -> None:
    assert median(lengths().values()) <= MEDIAN_BODY_LINES


def test_no_file_is_long() -> None:
    folders = ("tests", "benchmarks")
    files = [*product(), *files_of(*folders)]
    assert {file.name: file.line_count for file in files if file.line_count > MAX_FILE_LINES} == {}


def test_files_are_named_for_their_job() -> None:
    assert [file.name for file in product() if file.path.stem in DRAWERS] == []


def test_tests_are_no_packages() -> None:
    """A test folder with an `__init__.py` can take the place of the package that it tests."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("def f():\n    '''Says.'''\n    return 1\n", 1),
        ("def f():\n    '''Says.'''\n", 0),
        ("def f():\n    if 1:\n        return [\n            1,\n        ]\n", 4),
    ],
)
def test_bodies_are_counted_without_their_docstring(source: str, lines: int) -> None:
    (function,) = ast.parse(source).body
    assert isinstance(function, ast.FunctionDef)
    assert body_lines(function) == lines


def test_stubs_are_told_apart() -> None:
    stub = ROOT / "likeness" / "v1" / "types_pb2.py"
    assert is_generated(stub)
    assert read(stub) not in product()
