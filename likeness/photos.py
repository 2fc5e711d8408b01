"""Pictures as files."""

import errno
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from likeness.errors import LikenessError

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
        require_size(status.st_size)
        with path.open("rb") as file:
            return read_stream(file)
    except OSError as error:
        raise unreadable("the file", error) from None


def read_stream(file: BinaryIO) -> bytes:
    """Return a picture's content from a file that is open, up to its end.

    Raises:
        LikenessError: it is too large.
    """
    content = file.read(MAX_IMAGE_BYTES + 1)
    require_size(len(content))
    return content


def unreadable(what: str, error: OSError) -> LikenessError:
    """Return the error of a file or a folder that the system does not let us read."""
    return LikenessError("INVALID_ARGUMENT", "FILE_UNREADABLE", f"{what} cannot be read: {error.strerror}")


def require_size(size: int, what: str = "the file") -> None:
    """Refuse a picture of more bytes than a server takes."""
    if size > MAX_IMAGE_BYTES:
        message = f"{what} has {size:,} bytes, and the limit is {MAX_IMAGE_BYTES:,}"
        raise LikenessError("INVALID_ARGUMENT", "IMAGE_TOO_LARGE", message)
