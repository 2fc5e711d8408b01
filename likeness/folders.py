"""What there is in folders: the pictures, and what is passed over."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from likeness.errors import LikenessError
from likeness.image_ids import image_id_of
from likeness.photos import EXTENSIONS, Photo, unreadable
from likeness.wrong_use import WrongUse

UNREAD_FORMATS = frozenset({".heic", ".heif", ".tif", ".tiff", ".avif", ".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw"})
"""Extensions of pictures in formats that are not read."""


@dataclass(frozen=True, slots=True)
class Found:
    """The pictures in order of path, the folders that cannot be looked into, and the other files by extension."""

    photos: list[Photo] = field(default_factory=list)
    unreadable: list[tuple[Path, LikenessError]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)


def find(directories: Sequence[Path], *, label_from_folder: bool) -> Found:
    """Return what is in folders and all folders below; pictures are known by their extensions.

    An id is made from the path below the folder given, and begins with that folder's name where several are given.

    Raises:
        LikenessError: two of the folders have one name, so that their pictures would get the same ids.
    """
    roots = [directory.resolve() for directory in directories]
    _require_distinct(roots)
    found = Found()
    for root in roots:
        prefix = f"{root.name}/" if len(roots) > 1 else ""
        _search(found, root, prefix, label_from_folder=label_from_folder)
    return found


def _require_distinct(roots: Sequence[Path]) -> None:
    first: dict[str, Path] = {}
    for root in roots:
        if (other := first.setdefault(root.name, root)) is not root:
            if other == root:
                raise WrongUse(f"{root} is given twice", "DUPLICATE_FOLDER")
            message = (
                f"{other} and {root} are both named {root.name!r}, and ids begin with it: index their parent instead"
            )
            raise WrongUse(message, "DUPLICATE_FOLDER")


def _search(found: Found, root: Path, prefix: str, *, label_from_folder: bool) -> None:
    def refuse(error: OSError) -> None:
        found.unreadable.append((Path(error.filename), unreadable("the folder", error)))

    for folder, folders, files in os.walk(root, onerror=refuse):
        folders.sort()
        for path in (Path(folder, name) for name in sorted(files)):
            extension = path.suffix.lower()
            if extension in EXTENSIONS:
                attributes = {"label": _text(path.parent.name)} if label_from_folder else {}
                image_id = image_id_of(prefix + path.relative_to(root).as_posix())
                found.photos.append(Photo(path, image_id, _size_bytes(path), attributes))
            else:
                found.skipped[extension] += 1


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        # Reading it will say what is wrong.
        return 0


def _text(name: str) -> str:
    """Return a file's name as text that can be sent: a name may hold bytes that are none."""
    return os.fsencode(name).decode(errors="replace")
