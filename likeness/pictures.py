"""What a program may hand over as a picture, as the bytes of an encoded file."""

import os
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from likeness import photos
from likeness.errors import LikenessError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# PNG's colour types, by the number of channels.
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})
# Of little use to photographs, and ten times as fast as the default.
_COMPRESSION = 1


@runtime_checkable
class PixelArray(Protocol):
    """A numpy array of uint8: [height, width] grey, or [height, width, channels]: grey or RGB, and alpha or not."""

    shape: Any
    dtype: Any

    def tobytes(self) -> bytes:
        """Return the pixels, row by row."""


@runtime_checkable
class PillowImage(Protocol):
    """A PIL.Image.Image."""

    @property
    def mode(self) -> str:
        """Name of the kind of its pixels."""

    def convert(self, mode: str) -> Any:
        """Return it in another mode."""

    def getexif(self) -> Any:
        """Return its EXIF, which says how it is turned."""

    def save(self, fp: Any, format: str | None = None, **params: Any) -> None:  # noqa: A002 Pillow's name
        """Encode it."""


Picture = bytes | bytearray | memoryview | str | os.PathLike[str] | PixelArray | PillowImage
"""An encoded file's bytes or path, or pixels, which are sent as PNG, without loss."""


def require_picture(value: Any) -> Picture:
    """Return what must be of a type that can show a picture.

    Raises:
        TypeError: it is of another.
    """
    if not isinstance(value, bytes | bytearray | memoryview | str | os.PathLike | PixelArray | PillowImage):
        raise TypeError(f"picture must be a path, bytes, an array or an image, not a {type(value).__name__}")
    return value


def encoded(picture: Picture) -> bytes:
    """Return the bytes of an encoded file that shows the picture.

    Raises:
        LikenessError: FILE_UNREADABLE or IMAGE_TOO_LARGE, the file; INVALID_FIELD, what is given is no picture.
    """
    content = _content(picture)
    photos.require_size(len(content), "the picture")
    return content


def _content(picture: Picture) -> bytes:
    if isinstance(picture, bytes | bytearray | memoryview):
        photos.require_size(memoryview(picture).nbytes, "the picture")
        return bytes(picture)
    if isinstance(picture, str | os.PathLike):
        return _from_file(Path(picture))
    # Asked for first: Pillow's images look like arrays, too.
    if isinstance(picture, PillowImage):
        return _from_pillow(picture)
    if isinstance(picture, PixelArray):
        return _from_array(picture)
    raise _no_picture(f"a {type(picture).__name__} is no picture")


def _from_file(path: Path) -> bytes:
    try:
        return photos.read(path)
    except LikenessError as error:
        raise error.of(str(path)) from None
    except ValueError:
        # A NUL in its name, or characters that the file system cannot write.
        message = f"{str(path)!r} cannot be the name of a file"
        raise LikenessError("INVALID_ARGUMENT", "FILE_UNREADABLE", message) from None


def _from_pillow(image: PillowImage) -> bytes:
    try:
        return _saved(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise _no_picture(f"the image cannot be encoded: {error}") from None


def _saved(image: PillowImage) -> bytes:
    file, exif = BytesIO(), image.getexif()
    sent = image if image.mode in _PNG_MODES else image.convert("RGB")
    sent.save(file, "PNG", compress_level=_COMPRESSION, **({"exif": exif} if exif else {}))
    return file.getvalue()


def _from_array(array: PixelArray) -> bytes:
    """Write a PNG of 8 bits a channel: RFC 2083, every row with filter 0."""
    height, width, channels = (*array.shape, 1)[:3] if len(array.shape) in (2, 3) else (0, 0, 0)
    if str(array.dtype) != "uint8" or channels not in _COLOUR_TYPES or not (height and width):
        shape = "x".join(map(str, array.shape))
        raise _no_picture(f"an array is uint8, [height, width] or [height, width, 1 to 4], not {array.dtype}, {shape}")
    pixels, row_bytes = memoryview(array.tobytes()), width * channels
    rows = b"".join(b"\0" + pixels[at : at + row_bytes] for at in range(0, len(pixels), row_bytes))
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows, _COMPRESSION)), (b"IEND", b"")]
    return _SIGNATURE + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _no_picture(problem: str) -> LikenessError:
    return LikenessError("INVALID_ARGUMENT", "INVALID_FIELD", problem)
