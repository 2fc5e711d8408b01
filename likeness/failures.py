"""Where the expected errors of every command end."""

import sys
from itertools import islice
from typing import Any

import typer
from typer.core import TyperGroup

from likeness import documents
from likeness.advice import explain
from likeness.errors import LikenessError
from likeness.session import Session, print_json
from likeness.wrong_use import WrongUse

_JSON, _ADDRESS = "--json", "--address"
# The errors of wrong use: missing and unknown options, values that are out of bounds.
_UsageError: Any = typer.BadParameter.__base__


class Commands(TyperGroup):
    """The commands. An error of theirs is a red line on stderr, and with `--json` a document on stdout as well."""

    _json = False

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Read the options of the group; `--address` may stand behind the command too."""
        self._json = _JSON in args
        return super().parse_args(ctx, _address_first(args))

    def invoke(self, ctx: Any) -> Any:
        """Run a command. Its error ends the program with 1, wrong use with 2, whoever notices it."""
        try:
            return super().invoke(ctx)
        except LikenessError as error:
            (ctx.obj or Session("")).say(explain(error), "red")
            self._document(error)
            raise typer.Exit(2 if isinstance(error, WrongUse) else 1) from None
        except _UsageError as error:
            self._document(LikenessError("INVALID_ARGUMENT", "USAGE", error.format_message()))
            raise

    def _document(self, error: LikenessError) -> None:
        if self._json and error.reason != "OUTPUT_UNWRITABLE":
            print_json(documents.failure(error))


def write_anything() -> None:
    """Let no text fail on a terminal that lacks its characters: they are written as escapes."""
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors="backslashreplace")


def _address_first(args: list[str]) -> list[str]:
    """Return the arguments with every address before the command, as whose parent's it is read; the last one counts."""
    end = args.index("--") if "--" in args else len(args)
    first: list[str] = []
    rest: list[str] = []
    options = iter(args[:end])
    for argument in options:
        if argument == _ADDRESS:
            value = list(islice(options, 1))
            (first if value else rest).extend([argument, *value])
        else:
            (first if argument.startswith(f"{_ADDRESS}=") else rest).append(argument)
    return [*first, *rest, *args[end:]]
