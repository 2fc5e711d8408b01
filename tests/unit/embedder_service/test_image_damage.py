"""Damaged and hostile files: each is read whole or refused with an error of its own, whatever Pillow makes of it."""

import random
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from embedder_service.decode_pool import DecoderPool
from embedder_service.geometry import Geometry
from embedder_service.ports import ImageTooComplex, ImageTooLarge, ImageUndecodable, Pixels
from tests import embedder_images as images

# Pillow warns of damaged metadata.
pytestmark = pytest.mark.filterwarnings("ignore")

SIZE = Geometry(24, 20, "NEAREST", 0)
PICTURE = images.noise(20, 24)
FILES = {
    "JPEG": images.encode(PICTURE, "JPEG"),
    "progressive JPEG": images.encode(PICTURE, "JPEG", progressive=True),
    "PNG": images.encode(PICTURE, "PNG"),
    "interlaced palette PNG": images.encode(PICTURE, "PNG", "P", interlace=1),
    "WebP": images.encode(PICTURE, "WEBP"),
    "lossless WebP": images.encode(PICTURE, "WEBP", lossless=True),
    "GIF": images.encode(PICTURE, "GIF", "P"),
    "animated GIF": images.animation([PICTURE, images.noise(20, 24, seed=1)], "GIF"),
    "BMP": images.encode(PICTURE, "BMP"),
}


async def outcome(decoder: DecoderPool, content: bytes) -> Pixels | None:
    """The pixels, or None for a picture that is refused; anything else fails the test."""
    try:
        return (await decoder.decode(content, [SIZE])).pixels[0]
    except (ImageUndecodable, ImageTooLarge, ImageTooComplex):
        return None


def whole(content: bytes) -> bool:
    """Tell whether Pillow, asked for nothing but the pixels, reads them."""
    try:
        Image.open(BytesIO(content)).load()
    except Exception:  # noqa: BLE001 whatever it raises
        return False
    return True


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
async def test_what_is_cut_short_is_refused_unless_no_pixel_is_missing(decoder: DecoderPool, content: bytes) -> None:
    uncut = await outcome(decoder, content)
    assert uncut is not None
    assert await outcome(decoder, content[: len(content) // 3]) is None
    for length in range(1, len(content)):
        cut = await outcome(decoder, content[:length])
        assert cut is None or np.array_equal(cut, uncut), length


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
async def test_a_wrong_byte_is_read_or_refused(decoder: DecoderPool, content: bytes) -> None:
    chance = random.Random(0)
    for _ in range(300):
        place = chance.randrange(len(content))
        flipped = content[:place] + bytes([content[place] ^ chance.randrange(1, 256)]) + content[place + 1 :]
        assert await outcome(decoder, flipped) is None or whole(flipped), place


@pytest.mark.parametrize(
    "content",
    [
        b"just some text",
        b"<!doctype html><html></html>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n",
        b"%PDF-1.7\n",
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b"8BPS\0\1" + bytes(20),
        b"\xff\xd8\xff",
        b"\x89PNG\r\n\x1a\n",
        b"\0" * 4096,
        b"\x89PNG\r\n\x1a\n" + images.encode(PICTURE, "JPEG"),
    ],
    ids=["text", "HTML", "EPS", "PDF", "SVG", "PSD", "JPEG's first bytes", "PNG's first bytes", "zeros", "JPEG in PNG"],
)
async def test_what_is_no_picture_is_undecodable(decoder: DecoderPool, content: bytes) -> None:
    with pytest.raises(ImageUndecodable) as caught:
        await decoder.decode(content, [SIZE])
    assert caught.value.message == "content: is not a whole picture in a format that is read here"
