"""Small copies of pictures as data: addresses, made from the files that file:// addresses name."""

import base64
import io
import os
import warnings
from functools import cache
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from PIL import Image, ImageOps

from likeness import photos
from likeness.errors import LikenessError

_SMALL_PX = 240
_LARGE_PX = 480
_MAX_PIXELS = 50_000_000
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
_SIXTEEN_BIT_MODES = ("I", "I;16", "I;16B", "I;16L")


class Thumbnails:
    """Makes each thumbnail once. What cannot be shown becomes an empty text."""

    def __init__(self) -> None:
        self.small = cache(lambda uri: _thumbnail(uri, _SMALL_PX))
        """Returns one of at most 240 pixels a side."""
        self.large = cache(lambda uri: _thumbnail(uri, _LARGE_PX))
        """Returns one of at most 480 pixels a side."""


def _thumbnail(uri: str, side_px: int) -> str:
    path = _path_of(uri)
    if path is None:
        return ""
    try:
        return _encoded(_shrunk(photos.read(path), side_px))
    except LikenessError:
        return ""
    except Exception:  # noqa: BLE001 damaged pictures make Pillow raise whatever its decoders stumble over
        return ""


def _path_of(uri: str) -> Path | None:
    """Return the file that an address names, if it names one of this machine."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    return Path(os.fsdecode(unquote_to_bytes(parts.path)))


def _shrunk(content: bytes, side_px: int) -> Image.Image:
    """Return the picture upright, at most `side_px` wide and high, in mode RGB, or RGBA where it has holes."""
    with warnings.catch_warnings():
        # Damaged metadata and large pictures only warn.
        warnings.simplefilter("ignore")
        image = Image.open(io.BytesIO(content), formats=_FORMATS)
        if image.width * image.height > _MAX_PIXELS:
            raise Image.DecompressionBombError
        # A JPEG is decoded at a fraction of its size, which is much faster; twice the target keeps it sharp.
        image.draft("RGB", (2 * side_px, 2 * side_px))
        upright = _eight_bit(ImageOps.exif_transpose(image))
    upright.thumbnail((side_px, side_px), Image.Resampling.LANCZOS)
    return upright


def _eight_bit(image: Image.Image) -> Image.Image:
    if image.mode in _SIXTEEN_BIT_MODES:
        return image.convert("I").point(lambda value: value * (1 / 257)).convert("RGB")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _encoded(image: Image.Image) -> str:
    kind, options = ("PNG", {}) if image.mode == "RGBA" else ("JPEG", {"quality": 85})
    file = io.BytesIO()
    image.save(file, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
