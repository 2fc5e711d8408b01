"""What a command looks for: a picture's file, or an image that is already indexed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from likeness import photos
from likeness.documents import Document
from likeness.errors import LikenessError
from likeness.image_ids import typed_id
from likeness.v1 import types_pb2
from likeness.wrong_use import WrongUse

Picture = Annotated[
    Path | None,
    typer.Argument(
        metavar="IMAGE",
        dir_okay=False,
        help="File to find look-alikes of; - reads the picture from standard input.",
    ),
]
ID_RULE = (
    "An id is the picture's path below the folder indexed, each byte other than A-Z a-z 0-9 . _ : / - "
    "written as @ and two hex digits; the path as it is will do too."
)
ImageId = Annotated[
    str | None, typer.Option("--id", metavar="ID", help=f"Indexed image to find look-alikes of. {ID_RULE}")
]
ModelNames = Annotated[
    list[str] | None, typer.Option("--model", "-m", metavar="NAME", help="Model to use; repeat it for several.")
]
TopK = Annotated[int, typer.Option("-k", "--top-k", min=1, max=1000, metavar="N", help="Length of each list.")]
STANDARD_INPUT = Path("-")


@dataclass(frozen=True, slots=True)
class Query:
    """One of the two: a file, or an image id."""

    path: Path | None
    image_id: str | None

    def fields(self) -> dict[str, Any]:
        """Return the request's fields that say what is looked for."""
        if self.path is None:
            return {"image_id": self.image_id}
        with self.named():
            content = photos.read_stream(sys.stdin.buffer) if self.path == STANDARD_INPUT else photos.read(self.path)
        return {"image": types_pb2.Image(content=content)}

    @contextmanager
    def named(self) -> Iterator[None]:
        """Let an error that is about the picture say which file that is, while the block runs."""
        try:
            yield
        except LikenessError as error:
            if self.path is None or not _about_picture(error):
                raise
            raise error.of("standard input" if self.path == STANDARD_INPUT else str(self.path)) from None

    @property
    def uri(self) -> str:
        """The address of the file, if there is one."""
        return "" if self.path in (None, STANDARD_INPUT) else self.path.resolve().as_uri()

    def document(self) -> Document:
        """Return the query as `--json` names it."""
        return {"path": str(self.path) if self.path else None, "image_id": self.image_id}


def _about_picture(error: LikenessError) -> bool:
    fields = [violation.field.partition(".")[0] for violation in error.violations]
    return error.reason.startswith(("IMAGE_", "FILE_")) or "image" in fields


def query_of(path: Path | None, image_id: str | None) -> Query:
    """Return the query.

    Raises:
        LikenessError: neither or both are given.
        typer.BadParameter: there is no such file.
    """
    if path not in (None, STANDARD_INPUT) and not path.exists():
        raise typer.BadParameter(f"file {str(path)!r} does not exist.", param_hint="IMAGE")
    if (path is None) == (image_id is None):
        raise WrongUse("give a picture's file or --id, and not both")
    return Query(path, None if image_id is None else typed_id(image_id))
