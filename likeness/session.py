"""What every command shares: the address, and the two places to write to."""

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import grpc
import typer
from rich.console import Console, RenderableType
from rich.status import Status
from rich.text import Text

from likeness.errors import LikenessError
from likeness.listing import answers, plain
from likeness.message_client import MessageClient
from likeness.wrong_use import WrongUse

EXIT_PARTLY = 3
"""Exit status of a command that did only a part of what it was asked for."""

Collection = Annotated[str, typer.Option("--collection", "-c", metavar="NAME", help="Collection to work on.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document on stdout, an error too, and nothing else there.")
]
Timeout = Annotated[
    float, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="How long to wait for the answer.")
]

_SCHEME = re.compile(r"(https?|grpcs?|tcp)://")


class Session:
    """One run of the command. Answers go to stdout; progress and errors go to stderr."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None = None, server_name: str = "") -> None:
        self.address = address
        self._credentials = credentials
        self._server_name = server_name
        self.messages = Console(stderr=True, highlight=False)

    def client(self) -> MessageClient:
        """Return a client of the gateway."""
        return MessageClient(self.address, self._credentials, server_name=self._server_name)

    def show(self, *renderables: RenderableType) -> None:
        """Print tables, and lines that stay whole, for people."""
        console = answers()
        with _written():
            for renderable in renderables:
                console.print(renderable, soft_wrap=isinstance(renderable, Text))

    def waiting(self, text: str) -> Status:
        """Show a person, on a terminal alone, that something takes its time, while the block runs."""
        return Status(plain(text), console=self.messages if self.messages.is_terminal else Console(quiet=True))

    def say(self, text: str, style: str = "") -> None:
        """Tell the person who waits."""
        self.messages.print(plain(text), style=style, soft_wrap=True)


def require_target(address: str) -> str:
    """Return an address as given.

    Raises:
        LikenessError: it is empty, or has a scheme that gRPC does not know.
    """
    if not address or _SCHEME.match(address):
        message = f"--address is HOST:PORT, such as 127.0.0.1:50050, and without a scheme; it is {address!r}"
        raise WrongUse(message)
    return address


def print_json(document: dict[str, Any] | list[dict[str, Any]]) -> None:
    """Print a document for programs; ASCII, whatever the terminal speaks."""
    with _written():
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        sys.stdout.flush()


@contextmanager
def _written() -> Iterator[None]:
    """Raise OUTPUT_UNWRITABLE where stdout takes no more, as on a full disk; a closed pipe ends the program quietly."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        # What is still in the buffer would fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        message = f"the answer cannot be written: {error.strerror}"
        raise LikenessError("UNKNOWN", "OUTPUT_UNWRITABLE", message) from None


def session_of(context: typer.Context) -> Session:
    """Return the session that the command was started with."""
    session: Session = context.obj
    return session
