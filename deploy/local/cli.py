"""The command line of the local stack."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from deploy.local import demo as demonstration
from deploy.local import instructions, model_folders, observers, readable
from deploy.local.parts import STATE, StackSettings
from deploy.local.ports import Ports
from deploy.local.stack import Stack
from likeness import listing

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
_console = Console()
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
State = Annotated[Path, typer.Option(help="Folder that keeps what is stored, and the logs.", file_okay=False)]
UriPrefixes = Annotated[
    list[str] | None,
    typer.Option(
        "--uri-prefix",
        metavar="PREFIX",
        help="Beginning of addresses that pictures may be read from, such as file:///srv/photos/, now and whenever "
        "this state folder is started without the option; repeat it for several.",
    ),
]
NoUriPrefixes = Annotated[
    bool, typer.Option("--no-uri-prefixes", help="Read pictures from no address again.", show_default=False)
]


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
    state: State = STATE,
    *,
    models: Annotated[
        Path | None,
        typer.Option(
            help="A folder of models to serve too, now and whenever this state folder is started without the option.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    no_models: Annotated[
        bool, typer.Option("--no-models", help="Serve the built-in models alone again.", show_default=False)
    ] = False,
    uri_prefixes: UriPrefixes = None,
    no_uri_prefixes: NoUriPrefixes = False,
    free_ports: Annotated[bool, typer.Option("--free-ports", help="Use free ports, not the default ones.")] = False,
    observed: Annotated[
        bool, typer.Option("--observed", help="With Prometheus and Grafana, where they are to be had.")
    ] = False,
    milvus_uri: Annotated[str | None, typer.Option(help="A Milvus server, in place of the embedded one.")] = None,
    redis_url: Annotated[str | None, typer.Option(help="A Redis server, in place of a private one.")] = None,
) -> None:
    """Start everything, return once it answers, and say how to call it."""
    ports = Ports.free() if free_ports else Ports()
    state = state.absolute()
    model_dirs = _model_dirs(state, models, no_models=no_models)
    prefixes = readable.chosen(state, uri_prefixes or (), none=no_uri_prefixes)
    environment = readable.environment(prefixes)
    stack = Stack(StackSettings(state, ports, model_dirs, milvus_uri, redis_url, environment, observed))
    with _console.status("Starting"):
        ended = stack.start()
    before = model_folders.remembered(state)
    model_folders.remember(state, model_dirs)
    readable.remember(state, prefixes)
    if ended:
        typer.echo(f"{', '.join(ended)} had ended: the rest was stopped, and everything started again.")
    address = ports.address("gateway")
    typer.echo(f"Likeness answers at {address}. To stop it: {instructions.stop_command(state)}\n")
    _tell_models(stack, model_dirs, before)
    if prefixes:
        typer.echo(f"Pictures may be read from {', '.join(prefixes)}; --no-uri-prefixes ends that.\n")
    typer.echo(instructions.text(address), nl=False)
    if observed:
        _tell_observers(stack)


def _tell_observers(stack: Stack) -> None:
    typer.echo()
    for part in stack.status():
        if part.name in observers.NAMES:
            typer.echo(f"{part.name.capitalize()} answers at http://{part.address}.")
    for text in observers.missing():
        typer.echo(text)


def _model_dirs(state: Path, models: Path | None, *, no_models: bool) -> tuple[Path, ...]:
    if no_models:
        return ()
    return (models.absolute(),) if models else model_folders.remembered(state)


def _tell_models(stack: Stack, folders: Sequence[Path], before: Sequence[Path]) -> None:
    for folder in before:
        if folder in folders:
            typer.echo(f"The models of {folder} are served as before; --no-models leaves them out.\n")
        else:
            typer.echo(f"The models of {folder} are served no more: collections made with them need them.\n")
    if problems := model_folders.problems(folders, stack.log("embedder")):
        typer.echo("\n".join(["Models:", *problems, ""]))


@app.command()
def down(state: State = STATE) -> None:
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
def status(state: State = STATE) -> None:
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
    page: Annotated[Path, typer.Option(help="The page to write.")] = STATE / "demo" / "look-alikes.html",
) -> None:
    """Index an album, search it, compare the models, write a page, and stop."""
    demonstration.run(photos, page)
    typer.echo(f"The page with the pictures: {page}")
