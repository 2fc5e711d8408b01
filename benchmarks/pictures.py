"""Photographs for the embedder: those of the built-in album at 640x480, each as often as wanted with other bytes."""

from pathlib import Path

from PIL import Image

from deploy.local import album

_SIZE_PX = (640, 480)
_QUALITY = 90
# After the two bytes by which a JPEG begins, a comment may stand: a marker, its length in two bytes, the text.
_START_BYTES = 2
_COMMENT = b"\xff\xfe"


def write(directory: Path) -> None:
    """Write the photographs into a folder."""
    source = directory / "album"
    album.build(source)
    for number, path in enumerate(sorted(source.rglob("*.*"))):
        with Image.open(path) as opened:
            opened.convert("RGB").resize(_SIZE_PX).save(directory / f"{number:03}.jpg", quality=_QUALITY)


def read(directory: Path) -> list[bytes]:
    """Return the photographs that `write` wrote, encoded."""
    return [path.read_bytes() for path in sorted(directory.glob("*.jpg"))]


def distinct(photographs: list[bytes], number: int) -> bytes:
    """Return a photograph whose bytes are those of this number alone; its pixels are not."""
    picture = photographs[number % len(photographs)]
    text = str(number).encode()
    comment = _COMMENT + (len(text) + 2).to_bytes(2) + text
    return picture[:_START_BYTES] + comment + picture[_START_BYTES:]
