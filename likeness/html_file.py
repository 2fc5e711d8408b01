"""`--html FILE`: the page is made by libraries that not every caller has."""

import codecs
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from likeness.documents import Document
from likeness.errors import LikenessError

_START_BYTES = 1024
HtmlFile = Annotated[
    Path | None,
    typer.Option("--html", metavar="FILE", dir_okay=False, help="Write a page with the pictures, all in one file."),
]


def writer(file: Path | None, picture: Path | None) -> Callable[[str, Document], None]:
    """Return what writes the page of a `search` or a `compare` into a file, or does nothing without one.

    Raises:
        LikenessError: HTML_EXTRA_MISSING or FILE_EXISTS, and before anything is asked: the file is `picture`, which is
            looked for, or another one that is no page.
    """
    if file is None:
        return lambda _kind, _document: None
    _require_page(file, picture)
    try:
        from likeness import page  # noqa: PLC0415 its libraries are an extra
    except ImportError:
        message = "--html needs jinja2 and Pillow: pip install 'likeness[html]'"
        raise LikenessError("FAILED_PRECONDITION", "HTML_EXTRA_MISSING", message) from None
    return lambda kind, document: _write(file, page.render(kind, document))


def _require_page(file: Path, picture: Path | None) -> None:
    same = picture is not None and picture.exists() and file.exists() and file.samefile(picture)
    if same or not _may_be_replaced(file):
        what = "is the picture that is looked for" if same else "is there already, and is no page"
        raise LikenessError("INVALID_ARGUMENT", "FILE_EXISTS", f"{file} {what}: give --html another file")


def _may_be_replaced(file: Path) -> bool:
    """Say whether a file is empty or begins as pages do; what is no regular file, such as a pipe, holds nothing."""
    if not file.is_file():
        return True
    try:
        with file.open("rb") as opened:
            start = opened.read(_START_BYTES).removeprefix(codecs.BOM_UTF8).lstrip().lower()
    except OSError:
        return False
    return not start or start.startswith((b"<!doctype html", b"<html", b"<!--"))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        message = f"{file} cannot be written: {error.strerror}"
        raise LikenessError("INVALID_ARGUMENT", "FILE_UNWRITABLE", message) from None
