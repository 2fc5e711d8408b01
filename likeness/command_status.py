"""`likeness models` and `likeness status`."""

import time
from collections.abc import Callable
from typing import Any

import typer

from likeness import documents, tables
from likeness.advice import NO_SUCH_METHOD
from likeness.documents import Document
from likeness.errors import LikenessError
from likeness.message_client import MessageClient
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

    It asks the gateway, and then lists the models, which takes the embedder too, and the collections, which takes the
    search service and Redis. Ends with 1 where one of them does not answer within 5 seconds.
    """
    session = session_of(context)
    with session.client() as client:
        gateway, _ = _look("gateway", lambda: client.alive(timeout_seconds=_TIMEOUT_SECONDS))
        through = _Through(client, bool(gateway["answers"]))
        embedder, served = _look("embedder", through.models)
        search, held = _look("search", through.collections)
    document: Document = {
        "address": session.address,
        "parts": [gateway, embedder, search],
        "models": [documents.model(model) for model in served],
        "collections": [documents.collection(collection) for collection in held],
    }
    if json:
        print_json(document)
    else:
        shown = [tables.models(document["models"]), tables.collections(document["collections"])]
        session.show(tables.parts(document["parts"]), *shown)
    if not all(part["answers"] for part in document["parts"]):
        raise typer.Exit(1)


class _Through:
    """Asks the parts behind the gateway, unless it is known not to answer."""

    def __init__(self, client: MessageClient, gateway_answers: bool) -> None:
        self._client = client
        self._gateway_answers = gateway_answers

    def models(self) -> list[Any]:
        self._require_gateway()
        return self._client.models(timeout_seconds=_TIMEOUT_SECONDS)

    def collections(self) -> list[Any]:
        self._require_gateway()
        return self._client.collections(timeout_seconds=_TIMEOUT_SECONDS)

    def _require_gateway(self) -> None:
        if not self._gateway_answers:
            raise LikenessError("UNAVAILABLE", "UNAVAILABLE", "not asked: the gateway does not answer")


def _look(part: str, ask: Callable[[], list[Any] | None]) -> tuple[Document, list[Any]]:
    """Return whether a part of the system answers, and what."""
    started = time.monotonic()
    problem: LikenessError | None = None
    answer: list[Any] = []
    try:
        answer = ask() or []
    except LikenessError as error:
        problem = error
    found = {
        "name": part,
        "answers": problem is None,
        "latency_ms": round(1000 * (time.monotonic() - started), 1),
        "reason": problem and problem.reason,
        "message": problem and _problem(problem),
    }
    return found, answer


def _problem(error: LikenessError) -> str:
    if error.code == "DEADLINE_EXCEEDED":
        return f"does not answer within {_TIMEOUT_SECONDS:.0f} s"
    if error.message == NO_SUCH_METHOD:
        return "another service answers at this address: the gateway's is wanted"
    return error.message
