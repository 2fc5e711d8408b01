"""The pictures that the table names."""

import hashlib
from pathlib import Path

from tests.e2e.conftest import write_photos
from tests.embedder_images import black_png, progressive_jpeg

_COUNT = 10


def write(directory: Path, names: list[str]) -> None:
    """Write ten pictures, one more for each of the names, and those that are refused."""
    for i, path in enumerate(write_photos(directory, range(_COUNT + len(names)))):
        path.rename(directory / f"{i if i < _COUNT else names[i - _COUNT]}.png")
    (directory / "truncated.png").write_bytes((directory / "0.png").read_bytes()[:100])
    (directory / "huge.png").write_bytes(black_png(10_000, 10_000))
    (directory / "complex.jpg").write_bytes(progressive_jpeg(64, 64, 120))
    with (directory / "34-megabytes").open("wb") as file:
        file.truncate(34_000_000)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
