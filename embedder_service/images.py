"""Pillow: encoded pictures to RGB pixels of the sizes that models want."""

import asyncio
import hashlib
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from io import BytesIO
from typing import TypeVar

import numpy as np
from PIL import ExifTags, Image, ImageFile

from embedder_service.model_card import Geometry
from embedder_service.ports import (
    CONTENT,
    DecodedImage,
    ImageDecoder,
    ImageTooComplex,
    ImageTooLarge,
    ImageUndecodable,
    Pixels,
)
from embedder_service.turnstile import Turnstile
from servicekit import errors

Result = TypeVar("Result")

DEFAULT_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
# Phones write JPEGs with more pictures behind the first; Pillow names those MPO, and has no opener of that name.
_NAMES = {"MPO": "JPEG"}
_START_OF_SCAN = b"\xff\xda"
_WHITE = (255, 255, 255)
# Up to this, a picture is resized whole and then cut, since resizing only the part that is kept gives slightly other
# pixels. Beyond it only that part is resized: a picture much longer than wide would grow to gigabytes.
_MAX_SCALED_PIXELS = 4_000_000
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow's own limit raises before the size can be told to the caller; `_check_header` is ours.
Image.MAX_IMAGE_PIXELS = None
# Pillow warns of damaged metadata in files that are the caller's.
warnings.filterwarnings("ignore", module=r"PIL\.")


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a picture may be. All but the first are read from the header, before anything is decoded."""

    max_bytes: int
    max_pixels: int
    max_side_px: int
    max_jpeg_scans: int


class PillowDecoder(ImageDecoder):
    """Decodes in the threads of `executor`; Pillow lets go of the interpreter lock while it works."""

    def __init__(self, executor: Executor, at_once: int, limits: Limits, extra_formats: Sequence[str] = ()) -> None:
        self._executor = executor
        self._places = Turnstile(at_once)
        self._limits = limits
        self._formats = (*DEFAULT_FORMATS, *extra_formats)

    async def decode(self, content: bytes, geometries: Sequence[Geometry], *, bulk: bool = False) -> DecodedImage:
        """See ImageDecoder."""
        async with self._places.place(bulk=bulk):
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, self._decode, content, geometries)

    def _decode(self, content: bytes, geometries: Sequence[Geometry]) -> DecodedImage:
        """Read the first frame, upright and in RGB, and fit it to each of `geometries`."""
        _check(ImageTooLarge, "bytes", len(content), self._limits.max_bytes)
        opened = _guarded(lambda: Image.open(BytesIO(content), formats=self._formats))
        _check_header(opened, content, self._limits)
        picture = _guarded(lambda: _rgb(_upright(opened)))
        return DecodedImage(
            width_px=picture.width,
            height_px=picture.height,
            format=_NAMES.get(str(opened.format), str(opened.format)),
            content_sha256=hashlib.sha256(content).hexdigest(),
            pixels=_guarded(lambda: [_fit(picture, geometry) for geometry in geometries]),
        )


def _guarded(step: Callable[[], Result]) -> Result:
    """Run a step of Pillow's, of which any exception may come for some file, and none of whose texts may get out."""
    try:
        return step()
    except MemoryError:
        raise _refusal(ImageTooComplex, "decoding takes more memory than a picture may have") from None
    except Exception:  # noqa: BLE001 Pillow raises ValueError, SyntaxError, struct.error and more for damaged files
        raise _refusal(ImageUndecodable, "is not a whole picture in a format that is read here") from None


def _refusal(kind: type[errors.InvalidArgument], problem: str, **figures: str) -> errors.InvalidArgument:
    violation = errors.Violation(CONTENT, problem)
    return kind(f"{CONTENT}: {problem}", violations=[violation], metadata=figures)


def _check(kind: type[errors.InvalidArgument], unit: str, actual: int, limit: int) -> None:
    if actual > limit:
        problem = f"has {actual:,} {unit}; the limit is {limit:,}"
        raise _refusal(kind, problem, unit=unit, actual=str(actual), limit=str(limit))


def _check_header(opened: ImageFile.ImageFile, content: bytes, limits: Limits) -> None:
    _check(ImageTooLarge, "pixels", opened.width * opened.height, limits.max_pixels)
    _check(ImageTooLarge, "pixels a side", max(opened.size), limits.max_side_px)
    if opened.format in ("JPEG", "MPO"):
        # Within a scan 0xff is always followed by zero or a restart marker, so this counts scans and little else.
        _check(ImageTooComplex, "scans", content.count(_START_OF_SCAN), limits.max_jpeg_scans)


def _upright(opened: ImageFile.ImageFile) -> Image.Image:
    """Return the first frame as EXIF says it is to be held. `n_frames` would read the whole file: it is never asked."""
    opened.load()
    turn = _UPRIGHT.get(_orientation(opened))
    return opened if turn is None else opened.transpose(turn)


def _orientation(opened: ImageFile.ImageFile) -> int:
    try:
        return int(opened.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 a good picture with a damaged EXIF block is a good picture
        return 1


def _rgb(picture: Image.Image) -> Image.Image:
    """Return 8-bit RGB; what is transparent lies on white, and the colour profile is left out of account."""
    if picture.mode.startswith("I"):
        return _from_16_bits(picture)
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        white = Image.new("RGB", picture.size, _WHITE)
        white.paste(layer, mask=layer)
        return white
    if picture.mode == "F":
        raise ValueError("numbers without a range are no picture")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _from_16_bits(picture: Image.Image) -> Image.Image:
    """Keep the high byte, as Pillow does for 16-bit colour; of 16-bit grey it would cut off all above 255."""
    values = np.asarray(picture)
    grey = (np.clip(values, 0, 0xFFFF) >> 8).astype(np.uint8)
    transparent = picture.info.get("transparency")
    if transparent is not None:
        grey[values == transparent] = 255
    return Image.fromarray(grey).convert("RGB")


def _fit(picture: Image.Image, geometry: Geometry) -> Pixels:
    """Resize and cut as torchvision's Resize and CenterCrop do with a Pillow image: the pixels equal theirs."""
    resample = Image.Resampling[geometry.filter]
    width, height = geometry.width_px, geometry.height_px
    if not geometry.shorter_side_px:
        return np.asarray(picture.resize((width, height), resample))
    scaled = _scaled_size(picture.size, geometry.shorter_side_px)
    left, top = round((scaled[0] - width) / 2), round((scaled[1] - height) / 2)  # half to even, as in torchvision
    kept = left, top, left + width, top + height
    if scaled[0] * scaled[1] <= _MAX_SCALED_PIXELS:
        return np.asarray(picture.resize(scaled, resample).crop(kept))
    x, y = picture.width / scaled[0], picture.height / scaled[1]
    end = min(kept[2] * x, picture.width), min(kept[3] * y, picture.height)
    return np.asarray(picture.resize((width, height), resample, box=(kept[0] * x, kept[1] * y, *end)))


def _scaled_size(size: tuple[int, int], shorter_side_px: int) -> tuple[int, int]:
    """Return the size with its shorter side `shorter_side_px`; the longer is rounded down, as in torchvision."""
    shorter, longer = min(size), max(size)
    scaled = int(shorter_side_px * longer / shorter)
    return (shorter_side_px, scaled) if size[0] <= size[1] else (scaled, shorter_side_px)
