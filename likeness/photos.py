"""The pictures in folders, and the ids they get."""

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from likeness.errors import LikenessError
from likeness.image_ids import image_id_of

EXTENSIONS = frozenset({".jpg", ".jpeg", ".jpe", ".mpo", ".png", ".webp", ".gif", ".bmp"})
MAX_IMAGE_BYTES = 20 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Photo:
    """One file to index; `size_bytes` is what it was when it was found."""

    path: Path
    image_id: str
    size_bytes: int
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def uri(self) -> str:
        """The file's address."""
        return self.path.as_uri()


def find(directories: Sequence[Path], *, label_from_folder: bool) -> list[Photo]:
    """Return the pictures in folders and all folders below, known by their extensions, in order of path.

    An id is the path below the folder given, and begins with that folder's name where several are given.

    Raises:
        LikenessError: two of the folders have one name, so that their pictures would get the same ids.
    """
    roots = [directory.resolve() for directory in directories]
    names = [root.name for root in roots]
    if len(set(names)) < len(names):
        raise LikenessError(
            "INVALID_ARGUMENT",
            "DUPLICATE_FOLDER",
            "two of the folders have the same name, and ids begin with it: index their parent folder instead",
        )
    prefixes = [f"{name}/" for name in names] if len(names) > 1 else [""]
    return [
        Photo(
            path,
            image_id_of(prefix + path.relative_to(root).as_posix()),
            _size_bytes(path),
            {"label": _text(path.parent.name)} if label_from_folder else {},
        )
        for root, prefix in zip(roots, prefixes, strict=True)
        for path in _walk(root)
    ]


def read(path: Path) -> bytes:
    """Return the content of a picture's file.

    Raises:
        LikenessError: the file is too large, and then unread, or cannot be read.
    """
    try:
        status = path.stat()
        # Opening a pipe would wait for its writer.
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        _require_size(status.st_size)
        with path.open("rb") as file:
            content = file.read(MAX_IMAGE_BYTES + 1)
    except OSError as error:
        message = f"the file cannot be read: {error.strerror}"
        raise LikenessError("INVALID_ARGUMENT", "FILE_UNREADABLE", message) from None
    # It may have grown.
    _require_size(len(content))
    return content


def _require_size(size: int) -> None:
    if size > MAX_IMAGE_BYTES:
        message = f"the file has {size:,} bytes, and the limit is {MAX_IMAGE_BYTES:,}"
        raise LikenessError("INVALID_ARGUMENT", "IMAGE_TOO_LARGE", message)


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            if Path(name).suffix.lower() in EXTENSIONS:
                yield Path(folder, name)


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        # Reading it will say what is wrong.
        return 0


def _text(name: str) -> str:
    """Return a file's name as text that can be sent: a name may hold bytes that are none."""
    return os.fsencode(name).decode(errors="replace")
