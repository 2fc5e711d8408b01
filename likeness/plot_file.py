"""`--plot FILE`: the chart is drawn by a library that not every caller has."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from likeness.documents import Document
from likeness.errors import LikenessError

_FORMATS = (".svg", ".png", ".pdf")

PlotFile = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE", dir_okay=False, help="Draw the figures into FILE: .svg, .png or .pdf."),
]


def plotter(file: Path | None) -> Callable[[Document], None]:
    """Return what draws the chart of a measurement into a file, or does nothing without one.

    Raises:
        LikenessError: PLOT_EXTRA_MISSING or INVALID_FIELD, and before anything is asked.
    """
    if file is None:
        return lambda _document: None
    if file.suffix.lower() not in _FORMATS:
        raise LikenessError("INVALID_ARGUMENT", "INVALID_FIELD", f"--plot: FILE must end in {', '.join(_FORMATS)}")
    try:
        from likeness import plot  # noqa: PLC0415 its library is an extra
    except ImportError:
        message = "--plot needs matplotlib: pip install 'likeness[plot]'"
        raise LikenessError("FAILED_PRECONDITION", "PLOT_EXTRA_MISSING", message) from None
    return lambda document: _write(file, plot.draw(document, file.suffix.lower().removeprefix(".")))


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}"
        raise LikenessError("INVALID_ARGUMENT", "FILE_UNWRITABLE", message) from None
