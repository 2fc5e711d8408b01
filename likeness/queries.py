"""What a command looks for: a picture's file, or an image that is already indexed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from likeness import photos
from likeness.documents import Document
from likeness.errors import LikenessError
from likeness.v1 import types_pb2

Picture = Annotated[
    Path | None, typer.Argument(metavar="IMAGE", exists=True, dir_okay=False, help="File to find look-alikes of.")
]
ImageId = Annotated[str | None, typer.Option("--id", metavar="ID", help="Indexed image to find look-alikes of.")]
ModelNames = Annotated[
    list[str] | None, typer.Option("--model", "-m", metavar="NAME", help="Model to use; repeat it for several.")
]
TopK = Annotated[int, typer.Option("-k", "--top-k", min=1, max=1000, metavar="N", help="Length of each list.")]


@dataclass(frozen=True, slots=True)
class Query:
    """One of the two: a file, or an image id."""

    path: Path | None
    image_id: str | None

    def fields(self) -> dict[str, Any]:
        """Return the request's fields that say what is looked for."""
        if self.path is None:
            return {"image_id": self.image_id}
        return {"image": types_pb2.Image(content=photos.read(self.path))}

    def document(self) -> Document:
        """Return the query as `--json` names it."""
        return {"path": str(self.path) if self.path else None, "image_id": self.image_id}


def query_of(path: Path | None, image_id: str | None) -> Query:
    """Return the query.

    Raises:
        LikenessError: neither or both are given.
    """
    if (path is None) == (image_id is None):
        raise LikenessError("INVALID_ARGUMENT", "INVALID_FIELD", "give a picture's file or --id, and not both")
    return Query(path, image_id)
