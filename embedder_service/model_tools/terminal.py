"""What the commands say: results on stdout, progress and errors on stderr."""

import asyncio
import logging
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog
import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperGroup

from embedder_service.model_tools.errors import ToolError

T = TypeVar("T")
_errors = Console(stderr=True, highlight=False)


class Commands(TyperGroup):
    """The commands. What one cannot do is a red line on stderr, and its status the exit status."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except ToolError as problem:
            say(str(problem), "red")
            raise typer.Exit(problem.status) from None


def quieten() -> None:
    """Log to stderr, and only from warnings of ours, and errors of libraries, up."""
    level = structlog.make_filtering_bound_logger(logging.WARNING)
    structlog.configure(wrapper_class=level, logger_factory=structlog.PrintLoggerFactory(file=sys.stderr))
    logging.basicConfig(level=logging.ERROR)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Await what a command does."""
    return asyncio.run(work)


def say(text: str, style: str = "") -> None:
    """Tell the person something beside the result."""
    _errors.print(text, style=style, markup=False, soft_wrap=True)


def console() -> Console:
    """Return where progress is shown."""
    return _errors


def result(text: str) -> None:
    """Write a line of the result."""
    sys.stdout.write(text + "\n")


def table(title: str, *columns: str) -> Table:
    """Return an empty table; a column whose name ends in `:right` is of numbers."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for column in columns:
        name, _, side = column.partition(":")
        made.add_column(name, justify="right" if side else "left", overflow="fold")
    return made


def show(made: Table) -> None:
    """Write a table of the result."""
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(made)
