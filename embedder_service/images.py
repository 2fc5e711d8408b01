"""Pillow: encoded pictures to RGB pixels of the sizes that models want. Runs in the decoders' own processes alone."""

import hashlib
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TypeVar

from PIL import (
    AvifImagePlugin,
    ExifTags,
    Image,
    ImageFile,
    ImageMath,
    MpoImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from embedder_service.geometry import Geometry
from embedder_service.pictures import TOO_COMPLEX, TOO_LARGE, UNDECODABLE, Limits, Picture, Refused

Result = TypeVar("Result")

DEFAULT_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")
# Phones write JPEGs with more pictures behind the first; Pillow names those MPO, and has no opener of that name.
_NAMES = {"MPO": "JPEG"}
_JPEG = ("JPEG", "MPO")
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
_SIDEWAYS = (5, 6, 7, 8)

# Pillow's own limit raises before the size can be told to the caller; `_check_header` is ours.
Image.MAX_IMAGE_PIXELS = None
# Now: a decoder may not open files, not even to import what it needs first for some picture.
Image.preinit()
_IMPORTED = (MpoImagePlugin, TiffImagePlugin, WebPImagePlugin)
# Others would be threads, which a decoder may not start.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
# Pillow warns of damaged metadata in files that are the caller's.
warnings.filterwarnings("ignore", module=r"PIL\.")


@dataclass(frozen=True, slots=True)
class PillowReader:
    """Reads pictures within limits, of the default formats and of those that the operator allows beside them."""

    limits: Limits
    extra_formats: Sequence[str] = ()

    def read(self, content: bytes, geometries: Sequence[Geometry]) -> Picture:
        """Read the first frame, upright and in RGB, and fit it to each of `geometries`.

        Raises:
            Refused: the picture is at fault.
        """
        _check(TOO_LARGE, "bytes", len(content), self.limits.max_bytes)
        opened = self._open(content)
        _check_header(opened, content, self.limits)
        if opened.format not in _JPEG:
            # EXIF may stand behind the pixels: whoever asks for it first reads them, and is not told what is wrong.
            _guarded(opened.load)
        size, kind = _upright_size(opened), str(opened.format)
        return Picture(
            width_px=size[0],
            height_px=size[1],
            format=_NAMES.get(kind, kind),
            content_sha256=hashlib.sha256(content).hexdigest(),
            pixels=_guarded(lambda: self._fitted(content, opened, geometries)),
        )

    def _open(self, content: bytes) -> ImageFile.ImageFile:
        formats = (*DEFAULT_FORMATS, *self.extra_formats)
        return _guarded(lambda: Image.open(BytesIO(content), formats=formats))

    def _fitted(self, content: bytes, opened: ImageFile.ImageFile, geometries: Sequence[Geometry]) -> list[bytes]:
        """Decode once whole, and once for each scale that a geometry allows: none sees what another asked for."""
        pictures: dict[int, Image.Image] = {}
        for scale in {_scale(opened, geometry) for geometry in geometries} or {1}:
            file = opened if scale == 1 else self._open(content)
            if scale > 1:
                file.draft(None, (opened.width // scale, opened.height // scale))
            pictures[scale] = _rgb(_upright(file))
        return [_fit(pictures[_scale(opened, geometry)], geometry).tobytes() for geometry in geometries]


def _scale(opened: ImageFile.ImageFile, geometry: Geometry) -> int:
    """Return by what a JPEG may be divided while it is decoded: its shorter side stays as long as what is wanted."""
    if not geometry.scaled or opened.format not in _JPEG:
        return 1
    wanted = geometry.shorter_side_px or max(geometry.width_px, geometry.height_px)
    return next(scale for scale in (8, 4, 2, 1) if min(opened.size) >= wanted * scale or scale == 1)


def _upright_size(opened: ImageFile.ImageFile) -> tuple[int, int]:
    width, height = opened.size
    return (height, width) if _orientation(opened) in _SIDEWAYS else (width, height)


def _guarded(step: Callable[[], Result]) -> Result:
    """Run a step of Pillow's, of which any exception may come for some file, and none of whose texts may get out."""
    try:
        return step()
    except MemoryError:
        raise Refused(TOO_COMPLEX, "decoding takes more memory than a picture may have") from None
    except Exception:  # noqa: BLE001 Pillow raises ValueError, SyntaxError, struct.error and more for damaged files
        raise Refused(UNDECODABLE, "is not a whole picture in a format that is read here") from None


def _check(kind: str, unit: str, actual: int, limit: int) -> None:
    if actual > limit:
        problem = f"has {actual:,} {unit}; the limit is {limit:,}"
        raise Refused(kind, problem, {"unit": unit, "actual": str(actual), "limit": str(limit)})


def _check_header(opened: ImageFile.ImageFile, content: bytes, limits: Limits) -> None:
    _check(TOO_LARGE, "pixels", opened.width * opened.height, limits.max_pixels)
    _check(TOO_LARGE, "pixels a side", max(opened.size), limits.max_side_px)
    if opened.format in _JPEG:
        # Within a scan 0xff is always followed by zero or a restart marker, so this counts scans and little else.
        _check(TOO_COMPLEX, "scans", content.count(_START_OF_SCAN), limits.max_jpeg_scans)


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
    values = picture if picture.mode == "I" else picture.convert("I")
    grey: Image.Image = ImageMath.lambda_eval(
        lambda a: a["convert"](a["min"](a["max"](a["i"], 0), 0xFFFF) >> 8, "L"), i=values
    )
    transparent = picture.info.get("transparency")
    if transparent is not None:
        grey.paste(
            255, mask=ImageMath.lambda_eval(lambda a: a["convert"]((a["i"] == transparent) * 255, "L"), i=values)
        )
    return grey.convert("RGB")


def _fit(picture: Image.Image, geometry: Geometry) -> Image.Image:
    """Resize and cut as torchvision's Resize and CenterCrop do with a Pillow image: the pixels equal theirs."""
    resample = Image.Resampling[geometry.filter]
    width, height = geometry.width_px, geometry.height_px
    if not geometry.shorter_side_px:
        return picture.resize((width, height), resample)
    scaled = _scaled_size(picture.size, geometry.shorter_side_px)
    left, top = round((scaled[0] - width) / 2), round((scaled[1] - height) / 2)  # half to even, as in torchvision
    kept = left, top, left + width, top + height
    if scaled[0] * scaled[1] <= _MAX_SCALED_PIXELS:
        return picture.resize(scaled, resample).crop(kept)
    x, y = picture.width / scaled[0], picture.height / scaled[1]
    end = min(kept[2] * x, picture.width), min(kept[3] * y, picture.height)
    return picture.resize((width, height), resample, box=(kept[0] * x, kept[1] * y, *end))


def _scaled_size(size: tuple[int, int], shorter_side_px: int) -> tuple[int, int]:
    """Return the size with its shorter side `shorter_side_px`; the longer is rounded down, as in torchvision."""
    shorter, longer = min(size), max(size)
    scaled = int(shorter_side_px * longer / shorter)
    return (shorter_side_px, scaled) if size[0] <= size[1] else (scaled, shorter_side_px)
