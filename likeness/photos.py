"""Which files of a folder are pictures, and what each is called in a collection."""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# The server reads the type from the bytes; this only says which files are worth sending.
EXTENSIONS = frozenset(
    {".avif", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo", ".png", ".tif", ".tiff", ".webp"}
)
_MAX_ID_CHARS = 128
_HASH_CHARS = 40
_FORBIDDEN = re.compile(rb"[^A-Za-z0-9._/@-]")


@dataclass(frozen=True, slots=True)
class Photo:
    """A file to index."""

    path: Path
    image_id: str
    uri: str
    folder: str


def find(directories: Iterable[Path]) -> Iterator[Photo]:
    """Yield the pictures under each directory, in the order of their paths. Hidden files and folders are left out."""
    for directory in directories:
        for path in _walk(directory):
            absolute = path.absolute()
            yield Photo(path, image_id(path.relative_to(directory)), absolute.as_uri(), _printable(absolute.parent))


def image_id(relative: Path) -> str:
    """Return the id of the picture at `relative`: the path itself wherever an id may be spelled so.

    Each byte that is not one of `A-Z a-z 0-9 . _ / @ -` becomes `:` and two hex digits, as `%` does in an address; a
    colon is such a byte itself. An id over 128 characters keeps its beginning and ends in `::` and 160 bits of the
    path's SHA-256. No two paths have the same id: `::` cannot come from the first rule.
    """
    path = os.fsencode(relative.as_posix())
    escaped = _FORBIDDEN.sub(lambda match: b":%02x" % match[0][0], path).decode("ascii")
    if len(escaped) <= _MAX_ID_CHARS:
        return escaped
    suffix = "::" + hashlib.sha256(path).hexdigest()[:_HASH_CHARS]
    return escaped[: _MAX_ID_CHARS - len(suffix)] + suffix


def _walk(directory: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(directory):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in EXTENSIONS:  # noqa: PTH122 a name, millions of times
                yield Path(folder, name)


def _printable(folder: Path) -> str:
    # A name that is not UTF-8 cannot travel as text.
    return os.fsencode(folder.name).decode(errors="replace")
