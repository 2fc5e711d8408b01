"""`likeness models` and `likeness status`."""

import time
from collections.abc import Callable
from typing import Any

import typer

from likeness import documents, tables
from likeness.documents import Document
from likeness.errors import LikenessError
from likeness.session import Json, print_json, session_of

_TIMEOUT_SECONDS = 5.0


def models(context: typer.Context, json: Json = False) -> None:
    """List the models that a collection can be made with."""
    session = session_of(context)
    with session.client() as client:
        found = [documents.model(model) for model in client.models()]
    if json:
        print_json({"models": found})
    else:
        session.show(tables.models(found))


def status(context: typer.Context, json: Json = False) -> None:
    """Say which parts of the system answer, and what they hold.

    It lists the models, which takes the gateway and the embedder, and the collections, which takes the gateway, the
    search service and Redis. Ends with 1 where one of the two does not answer within 5 seconds.
    """
    session = session_of(context)
    with session.client() as client:
        embedder, served = _look("embedder", lambda: client.models(timeout_seconds=_TIMEOUT_SECONDS))
        search, held = _look("search", lambda: client.collections(timeout_seconds=_TIMEOUT_SECONDS))
    document: Document = {
        "address": session.address,
        "parts": [embedder, search],
        "models": [documents.model(model) for model in served],
        "collections": [documents.collection(collection) for collection in held],
    }
    if json:
        print_json(document)
    else:
        shown = [tables.models(document["models"]), tables.collections(document["collections"])]
        session.show(tables.parts(document["parts"]), *shown)
    if not (embedder["answers"] and search["answers"]):
        raise typer.Exit(1)


def _look(part: str, ask: Callable[[], list[Any]]) -> tuple[Document, list[Any]]:
    """Return whether a part of the system answers, and what."""
    started = time.monotonic()
    problem: LikenessError | None = None
    answer: list[Any] = []
    try:
        answer = ask()
    except LikenessError as error:
        problem = error
    found = {
        "name": part,
        "answers": problem is None,
        "latency_ms": round(1000 * (time.monotonic() - started), 1),
        "reason": problem and problem.reason,
        "message": problem and problem.message,
    }
    return found, answer
