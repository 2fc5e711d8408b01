"""The command line of the local stack."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from deploy.local import demo as demonstration
from deploy.local import instructions
from deploy.local.parts import ROOT, StackSettings
from deploy.local.ports import Ports
from deploy.local.stack import Stack
from likeness import listing

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
_console = Console()
_STATE = ROOT / ".likeness"
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
State = Annotated[Path, typer.Option(help="Folder that keeps what is stored, and the logs.", file_okay=False)]


@app.callback()
def prepare() -> None:
    """Runs the whole system on this machine, on loopback alone."""
    for number in _SIGNALS:
        signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 what Python hands to every handler
    """Stop what was started; a second signal does not cut that short, for what is then left would run on."""
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    sys.exit(1)


@app.command()
def up(
    state: State = _STATE,
    models: Annotated[
        Path | None, typer.Option(help="A folder of models to serve too.", exists=True, file_okay=False)
    ] = None,
    free_ports: Annotated[bool, typer.Option("--free-ports", help="Use free ports, not the default ones.")] = False,
    milvus_uri: Annotated[str | None, typer.Option(help="A Milvus server, in place of the embedded one.")] = None,
    redis_url: Annotated[str | None, typer.Option(help="A Redis server, in place of a private one.")] = None,
) -> None:
    """Start everything, return once it answers, and say how to call it."""
    ports = Ports.free() if free_ports else Ports()
    model_dirs = (models,) if models else ()
    settings = StackSettings(state.absolute(), ports, model_dirs, milvus_uri=milvus_uri, redis_url=redis_url)
    with _console.status("Starting"):
        Stack(settings).start()
    typer.echo(f"Likeness answers at {ports.address('gateway')}. To stop it: make down\n")
    typer.echo(instructions.text(ports.address("gateway")), nl=False)


@app.command()
def down(state: State = _STATE) -> None:
    """Stop everything; what is stored stays."""
    stack = Stack.found(state.absolute())
    names = stack.running
    with _console.status("Stopping"):
        killed = stack.stop()
    typer.echo(f"Stopped {', '.join(reversed(names))}." if names else "Nothing is running.")
    if killed:
        typer.echo(f"Killed, since they did not end when asked: {', '.join(killed)}.")
        raise typer.Exit(1)


@app.command()
def status(state: State = _STATE) -> None:
    """Show how every part is; the exit status is 1 unless all are ready."""
    parts = Stack.found(state.absolute()).status()
    if not parts:
        typer.echo("Nothing is running.")
        raise typer.Exit(1)
    table = listing.Listing("Parts", "part", "ready", "pid:right", "address", "log")
    for part in parts:
        table.add(part.name, "yes" if part.ready else "no", str(part.pid or "-"), part.address, str(part.log))
    listing.answers().print(table)
    if not all(part.ready for part in parts):
        raise typer.Exit(1)


@app.command()
def demo(
    photos: Annotated[
        Path | None, typer.Option(help="A folder of pictures, in place of the built-in album.", exists=True)
    ] = None,
    page: Annotated[Path, typer.Option(help="The page to write.")] = _STATE / "demo" / "look-alikes.html",
) -> None:
    """Index an album, search it, compare the models, write a page, and stop."""
    demonstration.run(photos, page)
    typer.echo(f"The page with the pictures: {page}")
