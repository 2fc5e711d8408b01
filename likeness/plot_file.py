"""`--plot FILE`: the chart is drawn by a library that not every caller has."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from likeness.documents import Document
from likeness.errors import LikenessError
from likeness.wrong_use import WrongUse

_FORMATS = (".svg", ".png", ".pdf")
_DRAWN_BY = b"matplotlib"

PlotFile = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE", dir_okay=False, help="Draw the figures into FILE: .svg, .png or .pdf."),
]


def plotter(file: Path | None) -> Callable[[Document], None]:
    """Return what draws the chart of a measurement into a file, or does nothing without one.

    Raises:
        LikenessError: PLOT_EXTRA_MISSING, INVALID_FIELD, or FILE_EXISTS, and before anything is asked: the file is
            another one that is no chart.
    """
    if file is None:
        return lambda _document: None
    if file.suffix.lower() not in _FORMATS:
        raise WrongUse(f"--plot: FILE must end in {', '.join(_FORMATS)}")
    if not _may_be_replaced(file):
        message = f"{file} is there already, and is no chart: give --plot another file"
        raise LikenessError("INVALID_ARGUMENT", "FILE_EXISTS", message)
    try:
        from likeness import plot  # noqa: PLC0415 its library is an extra
    except ImportError:
        message = "--plot needs matplotlib: pip install 'likeness[plot]'"
        raise LikenessError("FAILED_PRECONDITION", "PLOT_EXTRA_MISSING", message) from None
    return lambda document: _write(file, plot.draw(document, file.suffix.lower().removeprefix(".")))


def _may_be_replaced(file: Path) -> bool:
    """Say whether a file is empty or names what charts are drawn by; what is no regular file holds nothing."""
    if not file.is_file():
        return True
    try:
        content = file.read_bytes()
    except OSError:
        return False
    return not content or _DRAWN_BY in content.lower()


def _write(file: Path, content: bytes) -> None:
    try:
        file.write_bytes(content)
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}"
        raise LikenessError("INVALID_ARGUMENT", "FILE_UNWRITABLE", message) from None
