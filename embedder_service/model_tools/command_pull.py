"""`likeness-models pull`."""

from typing import Annotated

import typer

from embedder_service.model_tools import options, terminal
from embedder_service.model_tools.errors import WrongUse
from embedder_service.model_tools.pulling import pull as pull_entry
from embedder_service.model_tools.zoo import BASE, CATALOGUE


def pull(
    entry: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A network of the catalogue; without, the catalogue is listed.")
    ] = None,
    *,
    models: options.Repository = options.HERE,
    name: options.Name = None,
    mirror: Annotated[
        str, typer.Option(metavar="URL", help="Where the zoo's files are, with its own folders below.")
    ] = BASE,
    replace: options.Replace = False,
) -> None:
    """Download a network of the ONNX Model Zoo and make a model of it.

    A download that was cut off is taken up where it ended. Nothing is kept unless its size and its sha256 are those of
    the catalogue; then the graph is cut, tried and written as by `add`.
    """
    if entry is None:
        _list()
        return
    if entry not in CATALOGUE:
        raise WrongUse(f"the catalogue has no {entry!r}; it has {', '.join(CATALOGUE)}")
    terminal.run(pull_entry(CATALOGUE[entry], models, mirror, name=name, replace=replace))


def _list() -> None:
    made = terminal.table("ONNX Model Zoo", "name", "MB:right", "preset", "what it is", "sha256")
    for name, each in CATALOGUE.items():
        made.add_row(name, f"{each.size_bytes / 1e6:.1f}", each.preset, each.description, each.sha256[:12])
    terminal.show(made)
