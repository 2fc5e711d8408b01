"""A first look: indexes an album, searches it, compares the models, and leaves a page to look at."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.local import album
from deploy.local.errors import StackError
from deploy.local.parts import ROOT, StackSettings
from deploy.local.ports import Ports
from deploy.local.stack import Stack
from likeness import folders
from likeness.session import EXIT_PARTLY

_COLLECTION = "photos"
_LONGEST_SECONDS = 3600.0


def run(folder: Path | None, page: Path) -> None:
    """Show the whole way on the pictures in `folder`, or on the built-in album, and write `page`.

    Raises:
        StackError: a part does not start, or a step fails; everything is stopped all the same.
    """
    with tempfile.TemporaryDirectory(prefix="likeness-demo-") as directory:
        pictures, query = _given(folder) if folder else _built_in(Path(directory, "album"))
        page.parent.mkdir(parents=True, exist_ok=True)
        with _running(Path(directory, "state")) as address:
            index = ("index", pictures, "--collection", _COLLECTION, "--label-from-folder")
            # Where some files are no pictures it has named them, and the others are there to look at.
            _likeness(address, *index, accepted=(0, EXIT_PARTLY))
            _likeness(address, "search", query, "--collection", _COLLECTION, "--html", page)
            _likeness(address, "compare", query, "--collection", _COLLECTION)


def _built_in(directory: Path) -> tuple[Path, Path]:
    """Return the built-in album's folder, and the picture to search with."""
    album.build(directory)
    return directory, directory / album.QUERY


def _given(folder: Path) -> tuple[Path, Path]:
    """Return the folder given, and the first picture in it that can be read."""
    found = (photo.path for photo in folders.find([folder], label_from_folder=False).photos)
    query = next(filter(album.is_readable, found), None)
    if query is None:
        raise StackError(f"there is no picture in {folder}")
    return folder, query


@contextmanager
def _running(state: Path) -> Iterator[str]:
    ports = Ports.free()
    stack = Stack(StackSettings(state, ports))
    stack.start()
    try:
        yield ports.address("gateway")
    finally:
        stack.stop()


def _likeness(address: str, *arguments: str | Path, accepted: Sequence[int] = (0,)) -> None:
    command = [sys.executable, "-m", "likeness", "--address", address, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ended = subprocess.run(command, env=environment, timeout=_LONGEST_SECONDS, check=False)  # noqa: S603 our own program
    if ended.returncode not in accepted:
        raise StackError(f"`likeness {arguments[0]}` failed with exit status {ended.returncode}")
