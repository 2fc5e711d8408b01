"""Options that several commands have."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from embedder_service.model_tools.errors import WrongUse
from embedder_service.model_tools.presets import PRESETS

Repository = Annotated[
    Path,
    typer.Option(
        "--models",
        "-m",
        metavar="DIR",
        help="The folder of models: what `make up MODELS=DIR` and LIKENESS_EMBEDDER_MODEL_DIRS name.",
    ),
]
Name = Annotated[str | None, typer.Option("--name", "-n", help="The model's name, and its folder's.")]
Replace = Annotated[bool, typer.Option("--replace", help="Put it in the place of a model of that name, in one step.")]
PresetName = Annotated[
    str, typer.Option("--preset", "-p", metavar="PRESET", help=f"What pictures become: {', '.join(PRESETS)}.")
]
Filter = Literal["NEAREST", "BOX", "BILINEAR", "HAMMING", "BICUBIC", "LANCZOS"]
HERE = Path("models")


def require_preset(name: str) -> str:
    """Return the name of a preset.

    Raises:
        WrongUse: there is none of that name.
    """
    if name not in PRESETS:
        raise WrongUse(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    return name
