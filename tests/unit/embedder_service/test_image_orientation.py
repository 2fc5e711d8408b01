"""EXIF orientation is applied; an EXIF block that is damaged spoils nothing."""

import struct
from typing import Any

import numpy as np
import pytest

from embedder_service.decode_pool import DecoderPool
from embedder_service.geometry import Geometry
from tests import embedder_images as images
from tests.embedder_images import Pixels
from tests.unit.embedder_service.conftest import Decode

STORED = images.noise(4, 6)
TURNED = STORED.swapaxes(0, 1)
# TIFF 6.0, tag 274: which edges of the picture the first row and the first column of what is stored are.
UPRIGHT = {
    1: STORED,
    2: STORED[:, ::-1],
    3: STORED[::-1, ::-1],
    4: STORED[::-1],
    5: TURNED,
    6: TURNED[:, ::-1],
    7: TURNED[::-1, ::-1],
    8: TURNED[::-1],
}
ORIENTATION = 274
ASCII, SHORT = 2, 3


def exif(tag: int, kind: int, count: int, value: bytes) -> bytes:
    """An EXIF block of one entry."""
    entry = struct.pack(">HHI", tag, kind, count) + value.ljust(4, b"\0")
    return b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)


def oriented(value: int) -> bytes:
    return exif(ORIENTATION, SHORT, 1, struct.pack(">H", value))


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
@pytest.mark.parametrize(("orientation", "expected"), UPRIGHT.items())
async def test_pictures_are_turned_upright(
    decode: Decode, kind: str, options: dict[str, Any], orientation: int, expected: Pixels
) -> None:
    content = images.encode(STORED, kind, exif=oriented(orientation), **options)
    height, width, _ = expected.shape
    np.testing.assert_array_equal(await decode(content, width, height), expected)


async def test_a_jpeg_is_turned_before_it_is_resized(decoder: DecoderPool) -> None:
    """Orientation 6 stores a portrait as a landscape: the same picture, stored as it is, must give the same pixels."""
    upright = images.smooth(60, 40)
    sideways = np.rot90(upright)
    turned = images.encode(sideways, "JPEG", quality=100, subsampling=0, exif=oriented(6))
    plain = images.encode(upright, "JPEG", quality=100, subsampling=0)
    square = [Geometry(16, 16, "BILINEAR", 20)]
    pixels = [(await decoder.decode(content, square)).pixels[0].astype(int) for content in (turned, plain)]
    assert np.abs(pixels[0] - pixels[1]).max() <= 4
    assert np.abs(pixels[0] - np.rot90(pixels[1])).max() > 40


@pytest.mark.parametrize(
    "block",
    [
        oriented(0),
        oriented(9),
        exif(ORIENTATION, ASCII, 4, b"six"),
        exif(ORIENTATION, 99, 2**31, b""),
        b"Exif\0\0MM\0*" + struct.pack(">IH", 2**31, 65_535),
        b"Exif\0\0" + bytes(range(256)),
        b"Exif\0\0",
    ],
    ids=["0", "9", "text", "unknown type", "beyond the end", "garbage", "empty"],
)
@pytest.mark.filterwarnings("ignore")  # Pillow's own, of such blocks
async def test_a_bad_exif_block_is_ignored(decode: Decode, block: bytes) -> None:
    content = with_exif(images.encode(STORED, "JPEG", quality=95), block)
    plain = await decode(images.encode(STORED, "JPEG", quality=95), 6, 4)
    np.testing.assert_array_equal(await decode(content, 6, 4), plain)


def with_exif(jpeg: bytes, block: bytes) -> bytes:
    """Put the block in as it is; Pillow would refuse to write some of these."""
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + jpeg[2:]


async def test_a_colour_profile_is_not_applied(decode: Decode) -> None:
    """The library that would has a history of overruns; a profile that is garbage shows that nothing reads it."""
    content = images.encode(STORED, "PNG", icc_profile=b"no profile at all")
    np.testing.assert_array_equal(await decode(content, 6, 4), STORED)
