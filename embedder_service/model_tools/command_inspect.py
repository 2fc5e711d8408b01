"""`likeness-models list`, `show` and `verify`: what the folders hold, and whether it still gives what it gave."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from embedder_service import model_folder
from embedder_service.golden import MIN_COSINE, Golden
from embedder_service.model_tools import folder, options, terminal, workbench
from embedder_service.model_tools.errors import ToolError
from embedder_service.ports import ModelUnusable

Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Models; without, every one in --models.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def list_models(*, models: options.Repository = options.HERE) -> None:
    """List the models of a folder, those too that the embedder would refuse."""
    made = terminal.table(str(models), "name", "dimension:right", "MB:right", "fingerprint", "licence", "description")
    for each in _folders(models, ()):
        made.add_row(Text(os.fsencode(each.name).decode(errors="replace")), *_row(each))
    terminal.show(made)


def _row(each: Path) -> list[Text]:
    try:
        files = model_folder.read(each)
    except ModelUnusable as problem:
        return [*([Text()] * 4), Text(f"refused: {problem}", "red")]
    card, size = files.card, f"{len(files.content) / 1e6:.1f}"
    cells = (str(card.dimension), size, card.fingerprint[:12], card.license, card.description or card.source)
    return list(map(Text, cells))


def show(name: Annotated[str, typer.Argument(help="A model.")], *, models: options.Repository = options.HERE) -> None:
    """Print all that a model says of itself, and its fingerprint, as JSON."""
    files = _read(models / name)
    golden = {"pictures": files.golden.pictures, "min_cosine": files.golden.min_cosine} if files.golden else None
    document = files.card.model_dump() | {"fingerprint": files.card.fingerprint, "golden": golden}
    terminal.result(json.dumps(document, indent=2))


def verify(
    names: Names = None,
    *,
    models: options.Repository = options.HERE,
    renew: Annotated[
        bool, typer.Option("--renew", help="Make golden vectors anew, after a change of model.toml that is meant.")
    ] = False,
) -> None:
    """Load models and hold them against their golden vectors, as the embedder does before it serves them.

    Ends with 1 if one of them does not give what it gave where it was made.
    """
    folders = _folders(models, names or ())
    failed = [each for each in folders if not terminal.run(_verified(each, renew=renew))]
    if failed:
        raise ToolError(f"{len(failed)} of {len(folders)} models would be refused")


async def _verified(each: Path, *, renew: bool) -> bool:
    try:
        terminal.result(f"{each.name}: {await _verify(each, renew=renew)}")
    except ToolError as problem:
        terminal.say(str(problem), "red")
        return False
    return True


async def _verify(each: Path, *, renew: bool) -> str:
    async with workbench.opened() as bench:
        files = bench.read(each)
        model = bench.load(files.card, files.content)
        if renew:
            wanted = files.golden.min_cosine if files.golden else MIN_COSINE
            folder.write_golden(each, Golden.of(files.card.fingerprint, await bench.golden_vectors(model), wanted))
            return "golden vectors made anew"
        if files.golden is None:
            return "it loads and runs; it has no golden vectors, which --renew makes"
        cosine = await bench.check(model, files.golden)
        return f"gives its golden vectors, least cosine {cosine:.7f}, wanted {files.golden.min_cosine}"


def _folders(models: Path, names: tuple[str, ...] | list[str]) -> list[Path]:
    if not models.is_dir():
        raise ToolError(f"{models} is no folder; name the folder of models with --models")
    found = model_folder.below(models)
    missing = set(names) - {each.name for each in found}
    if missing:
        raise ToolError(f"{models} has no model {', '.join(sorted(missing))}")
    return [each for each in found if not names or each.name in names]


def _read(each: Path) -> model_folder.ModelFiles:
    try:
        return model_folder.read(each)
    except ModelUnusable as problem:
        raise ToolError(f"{each}: {problem}") from None
