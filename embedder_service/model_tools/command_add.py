"""`likeness-models add` and `presets`."""

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from embedder_service.model_tools import adding, options, storing, terminal
from embedder_service.model_tools.graph import Network
from embedder_service.model_tools.presets import PRESETS


def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An ONNX file, of one picture in and anything out.")],
    *,
    preset: options.PresetName,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="NODE", help="The feature: a tensor or node; else the last pooling."),
    ] = None,
    models: options.Repository = options.HERE,
    name: options.Name = None,
    pooling: Annotated[
        Literal["average", "max"] | None, typer.Option(help="What is taken of a feature that is a map.")
    ] = None,
    size_px: Annotated[
        int | None, typer.Option(min=1, max=4096, help="Side of the input, where the graph leaves it free; 224.")
    ] = None,
    resize_px: Annotated[
        int | None,
        typer.Option(
            min=1, max=4096, help="Shorter side before the middle is cut out, in place of a preset's stretching."
        ),
    ] = None,
    resize_filter: Annotated[options.Filter | None, typer.Option(help="Pillow's filter, if not the preset's.")] = None,
    decoding: Annotated[
        Literal["exact", "scaled"],
        typer.Option(help="`scaled` reads large JPEGs at a fraction of their size: faster, slightly other vectors."),
    ] = "exact",
    description: Annotated[str, typer.Option(help="What it is, for people.")] = "",
    license: Annotated[str, typer.Option(help="Its licence.")] = "",  # noqa: A002 the option's name
    source: Annotated[str, typer.Option(help="Where it comes from; else the file's name.")] = "",
    replace: options.Replace = False,
) -> None:
    """Make a model of anybody's ONNX file.

    The graph is cut at the pooled feature, its batch axis made free, and the result tried on pictures, alone and in
    batches. Then a folder appears below --models, whole, with model.onnx, model.toml and golden.json.
    """
    wishes = adding.Wishes(
        name=name or plain_name(file.stem),
        preset=options.require_preset(preset),
        output=output,
        pooling=pooling,
        size_px=size_px,
        resize_px=resize_px,
        resize_filter=resize_filter,
        decoding=decoding,
        description=description,
        license=license,
        source=source or file.name,
    )
    terminal.run(storing.store(models, *adding.make(Network.read(file), wishes), replace=replace))


def presets() -> None:
    """List what --preset can name, with what it does to a picture."""
    made = terminal.table("Presets", "name", "what pictures become")
    for name, preset in PRESETS.items():
        made.add_row(name, preset.meaning)
    terminal.show(made)


def plain_name(text: str) -> str:
    """Return a name that a model can have, made of a file's."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:64]
