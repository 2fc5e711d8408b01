"""Photographs in a folder, as a model wants them."""

from collections.abc import Sequence
from pathlib import Path

from embedder_service.geometry import Geometry
from embedder_service.model_tools.errors import ToolError
from embedder_service.ports import ImageDecoder, Pixels
from servicekit.errors import InvalidArgument

_ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"}


async def read(folder: Path, decoder: ImageDecoder, geometry: Geometry, most: int) -> list[Pixels]:
    """Return at most that many photographs from below `folder`, evenly picked; what cannot be read is passed over.

    Raises:
        ToolError: there are none.
    """
    found: list[Pixels] = []
    for path in spread(_below(folder), most):
        try:
            found.append((await decoder.decode(path.read_bytes(), [geometry])).pixels[0])
        except InvalidArgument:
            continue
    if not found:
        raise ToolError(f"{folder} holds no photographs that can be read")
    return found


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS)


def spread(items: Sequence[Path], most: int) -> Sequence[Path]:
    """Return at most that many of `items`, the same every time, from all over them."""
    if len(items) <= most:
        return items
    return [items[place * len(items) // most] for place in range(most)]
