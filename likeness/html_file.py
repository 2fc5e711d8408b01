"""`--html FILE`: the page is made by libraries that not every caller has."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from likeness.documents import Document
from likeness.errors import LikenessError

HtmlFile = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", dir_okay=False, help="Write a page with the pictures, all in one file."),
]


def writer(file: Path | None) -> Callable[[str, Document], None]:
    """Return what writes the page of a `search` or a `compare` into a file, or does nothing without one.

    Raises:
        LikenessError: HTML_EXTRA_MISSING, and before anything is asked.
    """
    if file is None:
        return lambda _kind, _document: None
    try:
        from likeness import page  # noqa: PLC0415 its libraries are an extra
    except ImportError:
        message = "--html needs jinja2 and Pillow: pip install 'likeness[html]'"
        raise LikenessError("FAILED_PRECONDITION", "HTML_EXTRA_MISSING", message) from None
    return lambda kind, document: _write(file, page.render(kind, document))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}"
        raise LikenessError("INVALID_ARGUMENT", "FILE_UNWRITABLE", message) from None
