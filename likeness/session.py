"""What every command shares: the address, and the two places to write to."""

import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Console, RenderableType
from rich.text import Text

from likeness.client import Client
from likeness.errors import LikenessError
from likeness.listing import answers, plain

Collection = Annotated[str, typer.Option("--collection", "-c", metavar="NAME", help="Collection to work on.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else there.")]

_ADVICE = {
    "UNAVAILABLE": "Is the gateway running? `likeness --address HOST:PORT`, or LIKENESS_ADDRESS, says where it is.",
    "COLLECTION_NOT_FOUND": "`likeness collections` lists what there is; `likeness index DIR` makes one.",
    "MODEL_NOT_FOUND": "`likeness models` lists what there is.",
    "MODEL_FINGERPRINT_MISMATCH": "The model changed since the collection was made: index into a new collection.",
    "FORCE_REQUIRED": "Add --force to delete it with all that is in it.",
    "BACKEND_UNAVAILABLE": "`likeness status` says which part does not answer.",
    "OVERLOADED": "Try again later, or with a smaller --concurrency.",
}


class Session:
    """One run of the command. Answers go to stdout; progress and errors go to stderr."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.messages = Console(stderr=True, highlight=False)

    def client(self) -> Client:
        """Return a client of the gateway."""
        return Client(self.address)

    def show(self, *renderables: RenderableType) -> None:
        """Print tables, and lines that stay whole, for people."""
        console = answers()
        for renderable in renderables:
            console.print(renderable, soft_wrap=isinstance(renderable, Text))

    def say(self, text: str, style: str = "") -> None:
        """Tell the person who waits."""
        self.messages.print(plain(text), style=style, soft_wrap=True)


def print_json(document: dict[str, Any] | list[dict[str, Any]]) -> None:
    """Print a document for programs; ASCII, whatever the terminal speaks."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def explain(error: LikenessError) -> str:
    """Return one line: what happened, and what to do."""
    advice = _ADVICE.get(error.reason, "")
    return f"{error.reason}: {error.message.rstrip('.')}. {advice}".rstrip()


def session_of(context: typer.Context) -> Session:
    """Return the session that the command was started with."""
    session: Session = context.obj
    return session
