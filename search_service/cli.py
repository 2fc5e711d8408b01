"""The command line of the search service: serve, or have a running one sweep, reconcile or rebuild."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import grpc
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from likeness.v1 import maintenance_pb2 as pb
from likeness.v1 import maintenance_pb2_grpc
from search_service.app import build
from search_service.settings import SearchSettings
from servicekit import peers, server, settings, status, telemetry, tracing
from servicekit.certificates import Files
from servicekit.errors import BackendUnavailable, ServiceError
from servicekit.peers import Identity

# Longer than comparing 10^9 rows at a thousand a second takes.
_DEADLINE_SECONDS = 14 * 24 * 3600.0
_MAX_MESSAGE_BYTES = 32 * 1024 * 1024
_EXIT_FAILED, _EXIT_FOUND = 1, 2

Address = Annotated[str, typer.Option(metavar="HOST:PORT", help="gRPC target of a running search service.")]
Collections = Annotated[
    list[str] | None, typer.Option("--collection", "-c", metavar="NAME", help="Only this one; may be repeated.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout, and nothing else there.")]
CaFile = Annotated[Path | None, typer.Option(help="PEM file of authorities to check the service against; for TLS.")]
CertFile = Annotated[Path | None, typer.Option(help="PEM file of a certificate to show.")]
KeyFile = Annotated[Path | None, typer.Option(help="PEM file of that certificate's key.")]
TokenFile = Annotated[Path | None, typer.Option(help="File with an admin's bearer token.")]
ServerName = Annotated[str, typer.Option(metavar="NAME", help="Name in its certificate, if not the address's.")]
Connecting: TypeAlias = AbstractAsyncContextManager[Any]
_HERE = "127.0.0.1:50052"

app = typer.Typer(add_completion=False, rich_markup_mode="markdown", pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def serve(
    context: typer.Context,
    *,
    ca_file: CaFile = None,
    cert_file: CertFile = None,
    key_file: KeyFile = None,
    token_file: TokenFile = None,
    server_name: ServerName = "",
) -> None:
    """Serve until SIGTERM. With a command: have a search service that runs compare and mend what it stores.

    The options are for the commands.
    """
    if context.invoked_subcommand is None:
        loaded = settings.load(SearchSettings)
        telemetry.configure("search", loaded.log_level)
        with tracing.opened("likeness-search") as tracer:
            _run(server.run(build, loaded, tracer=tracer))
    else:
        telemetry.configure("search", "WARNING")
        context.obj = _Way(Identity(Files(ca_file, cert_file, key_file), token_file), server_name)


@app.command()
def sweep(context: typer.Context, address: Address = _HERE, *, json: Json = False) -> None:
    """Work off replaced rows, unfinished writes and deleted collections that are due.

    The service does so by itself, every LIKENESS_SEARCH_SWEEP_INTERVAL_SECONDS. Ends with 2 where a collection is left
    alone since over a tenth of its rows have no record.
    """
    swept = _run(_sweep(_service(context.obj, address)))
    document = {"swept": swept.swept_count, "refused_collections": list(swept.refused_collections)}
    _print(document, f"{swept.swept_count:,} versions swept.", as_json=json)
    for name in swept.refused_collections:
        _say(f"{name}: over a tenth of the rows have no record; nothing of it is deleted.", "red")
    if swept.refused_collections:
        raise typer.Exit(_EXIT_FOUND)


@app.command()
def reconcile(
    context: typer.Context,
    address: Address = _HERE,
    *,
    collections: Collections = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what is found.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Even where over a tenth of the rows have no record.")] = False,
    json: Json = False,
) -> None:
    """Compare every row in Milvus with every record in Redis, while the service serves.

    With --repair, rows that nothing names are swept, and an image that lacks a row is written anew the next time that
    it is indexed. Ends with 2 if something was found that is not repaired.
    """
    request = pb.ReconcileRequest(collections=collections or (), repair=repair, force=force)
    found = _run(_follow(_service(context.obj, address), "Reconcile", request, quiet=json))
    repaired = sum(finding["repaired"] for finding in found.findings)
    document = {"findings": found.findings, "repaired": repaired, "looked_at": found.looked_at}
    line = f"{found.looked_at:,} looked at, {len(found.findings):,} found, {repaired:,} repaired."
    _print(document, line, as_json=json)
    if repaired < len(found.findings):
        raise typer.Exit(_EXIT_FOUND)


@app.command()
def rebuild(
    context: typer.Context, address: Address = _HERE, *, collections: Collections = None, json: Json = False
) -> None:
    """Bring back, from the rows in Milvus, what Redis has lost: collections, and the records of their images.

    Records whose rows are there stay as they are. Times of creation are lost. An image that was deleted less than
    about LIKENESS_SEARCH_SWEEP_RETENTION_SECONDS before Redis was lost comes back, and so may a deleted collection. Run
    `reconcile` afterwards. Ends with 2 if something could not be brought back as it was.
    """
    found = _run(
        _follow(_service(context.obj, address), "Rebuild", pb.RebuildRequest(collections=collections or ()), quiet=json)
    )
    document = {"findings": found.findings, "restored": found.restored}
    _print(document, f"{found.restored:,} images restored, {len(found.findings):,} problems found.", as_json=json)
    if found.findings:
        raise typer.Exit(_EXIT_FOUND)


@dataclass(frozen=True)
class _Way:
    """How to get to a running service."""

    identity: Identity
    server_name: str


@dataclass
class _Found:
    """What a stream has said."""

    findings: list[dict[str, Any]] = field(default_factory=list)
    looked_at: int = 0
    restored: int = 0


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return asyncio.run(work)
    except ServiceError as error:
        _say(f"{error.code_reason}: {error.message}", "red")
        raise typer.Exit(_EXIT_FAILED) from None


@asynccontextmanager
async def _service(way: _Way, address: str) -> AsyncIterator[Any]:
    async with peers.connect(
        address, way.identity, max_message_bytes=_MAX_MESSAGE_BYTES, server_name=way.server_name
    ) as connection:
        try:
            yield maintenance_pb2_grpc.MaintenanceServiceStub(connection)
        except grpc.aio.AioRpcError as error:
            raise _meant(error, address) from None


def _meant(error: grpc.aio.AioRpcError, address: str) -> ServiceError:
    """Return what a failed call means; who gets no answer at all is told what to look at."""
    meant = status.from_rpc_error(error, "search")
    if error.code() is not grpc.StatusCode.UNAVAILABLE or status.has_details(error):
        return meant
    return BackendUnavailable(
        f"no search service answers at {address}; one that runs there may ask for a certificate, or have another name: "
        "--ca-file, --cert-file, --key-file and --server-name, before the command"
    )


async def _sweep(connecting: Connecting) -> Any:
    async with connecting as service:
        return await service.Sweep(pb.SweepRequest(), timeout=_DEADLINE_SECONDS)


async def _follow(connecting: Connecting, method: str, request: Any, *, quiet: bool) -> _Found:
    found = _Found()
    async with connecting as service:
        with _progress() as progress:
            bars: dict[str, TaskID] = {}
            async for part in getattr(service, method)(request, timeout=_DEADLINE_SECONDS):
                found.looked_at += _advance(progress, bars, part.progress)
                found.restored += getattr(part, "restored_count", 0)
                for finding in map(_document, part.findings):
                    found.findings.append(finding)
                    if not quiet:
                        progress.console.print(_line(finding), markup=False, soft_wrap=True)
    return found


def _advance(progress: Progress, bars: dict[str, TaskID], now: pb.Progress) -> int:
    """Show how far a collection is and return by how much it went on."""
    if not now.collection:
        return 0
    if now.collection not in bars:
        bars[now.collection] = progress.add_task(now.collection, total=now.total_count)
    task = bars[now.collection]
    before = int(progress.tasks[progress.task_ids.index(task)].completed)
    progress.update(task, completed=now.done_count, total=now.total_count)
    return int(now.done_count) - before


def _document(finding: pb.Finding) -> dict[str, Any]:
    known = {
        "kind": pb.Finding.Kind.Name(finding.kind).removeprefix("KIND_"),
        "collection": finding.collection,
        "model": finding.model,
        "image_id": finding.image_id,
        "generation": finding.generation,
    }
    return {name: value for name, value in known.items() if value} | {"repaired": finding.repaired}


def _line(finding: dict[str, Any]) -> str:
    what = " ".join(str(value) for name, value in finding.items() if name != "repaired")
    return f"{what} repaired" if finding["repaired"] else what


def _progress() -> Progress:
    console = Console(stderr=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _print(document: dict[str, Any], line: str, *, as_json: bool) -> None:
    sys.stdout.write((json.dumps(document, indent=2) if as_json else line) + "\n")


def _say(text: str, style: str) -> None:
    Console(stderr=True, highlight=False).print(text, style=style, markup=False, soft_wrap=True)
