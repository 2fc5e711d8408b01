"""Every kind of pixel becomes 8-bit RGB; what is expected is worked out here from each format's definition."""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from embedder_service.decode_pool import DecoderPool
from embedder_service.geometry import Geometry
from embedder_service.ports import ImageUndecodable
from tests import embedder_images as images
from tests.embedder_images import COLOUR, COLOUR_ALPHA, GREY, GREY_ALPHA, PALETTE, Pixels, png
from tests.unit.embedder_service.conftest import Decode

HEIGHT, WIDTH = 5, 7
RGB = images.noise(HEIGHT, WIDTH)
GREYS = images.noise(HEIGHT, WIDTH, 1)[..., 0]
ALPHA = images.noise(HEIGHT, WIDTH, 1, seed=1)[..., 0]
DEEP = np.random.default_rng(2).integers(0, 65_536, (HEIGHT, WIDTH, 4), np.uint16)
INDICES = GREYS % 4
COLOURS = images.noise(1, 4, seed=3)[0]


def rows(pixels: npt.NDArray[Any]) -> bytes:
    """Raw rows of a PNG: filter 0, samples of more than 8 bits with the high byte first."""
    big_endian = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(len(pixels), -1)
    return b"".join(b"\0" + row.tobytes() for row in big_endian)


def on_white(pixels: Pixels, alpha: npt.NDArray[Any]) -> Pixels:
    shares = alpha[..., None] / 255
    return np.rint(pixels * shares + 255 * (1 - shares)).astype(np.uint8)


def grey(values: npt.NDArray[Any]) -> Pixels:
    return np.repeat(values[..., None], 3, axis=2).astype(np.uint8)


def transparent_where(pixels: Pixels, where: npt.NDArray[np.bool_]) -> Pixels:
    return np.where(where[..., None], 255, pixels).astype(np.uint8)


BITS = np.unpackbits(np.packbits(GREYS > 127, axis=1), axis=1)[:, :WIDTH]
KEY = DEEP[0, 0, 0]
CASES = {
    "PNG, 8-bit colour": (png(WIDTH, HEIGHT, 8, COLOUR, rows(RGB)), RGB),
    "PNG, 8-bit grey": (png(WIDTH, HEIGHT, 8, GREY, rows(GREYS)), grey(GREYS)),
    "PNG, 1-bit": (png(WIDTH, HEIGHT, 1, GREY, rows(np.packbits(GREYS > 127, axis=1))), grey(BITS * 255)),
    "PNG, 16-bit colour": (png(WIDTH, HEIGHT, 16, COLOUR, rows(DEEP[..., :3])), DEEP[..., :3] >> 8),
    "PNG, 16-bit grey is scaled, not cut off": (
        png(WIDTH, HEIGHT, 16, GREY, rows(DEEP[..., 0])),
        grey(DEEP[..., 0] >> 8),
    ),
    "PNG, 16-bit grey with a transparent value": (
        png(WIDTH, HEIGHT, 16, GREY, rows(DEEP[..., 0]), tRNS=struct.pack(">H", KEY)),
        transparent_where(grey(DEEP[..., 0] >> 8), DEEP[..., 0] == KEY),
    ),
    "PNG, 16-bit grey and alpha": (
        png(WIDTH, HEIGHT, 16, GREY_ALPHA, rows(DEEP[..., :2])),
        on_white(grey(DEEP[..., 0] >> 8), DEEP[..., 1] >> 8),
    ),
    "PNG, grey and alpha": (
        png(WIDTH, HEIGHT, 8, GREY_ALPHA, rows(np.dstack([GREYS, ALPHA]))),
        on_white(grey(GREYS), ALPHA),
    ),
    "PNG, colour and alpha": (
        png(WIDTH, HEIGHT, 8, COLOUR_ALPHA, rows(np.dstack([RGB, ALPHA]))),
        on_white(RGB, ALPHA),
    ),
    "PNG, 16-bit colour and alpha": (
        png(WIDTH, HEIGHT, 16, COLOUR_ALPHA, rows(DEEP)),
        on_white((DEEP[..., :3] >> 8).astype(np.uint8), DEEP[..., 3] >> 8),
    ),
    "PNG, a transparent colour": (
        png(WIDTH, HEIGHT, 8, COLOUR, rows(RGB), tRNS=struct.pack(">3H", *RGB[1, 1])),
        transparent_where(RGB, (RGB[1, 1] == RGB).all(2)),
    ),
    "PNG, a transparent grey": (
        png(WIDTH, HEIGHT, 8, GREY, rows(GREYS), tRNS=struct.pack(">H", GREYS[2, 2])),
        transparent_where(grey(GREYS), GREYS[2, 2] == GREYS),
    ),
    "PNG, palette": (png(WIDTH, HEIGHT, 8, PALETTE, rows(INDICES), PLTE=COLOURS.tobytes()), COLOURS[INDICES]),
    "PNG, palette with alpha": (
        png(WIDTH, HEIGHT, 8, PALETTE, rows(INDICES), PLTE=COLOURS.tobytes(), tRNS=bytes([0, 99, 200])),
        on_white(COLOURS[INDICES], np.array([0, 99, 200, 255])[INDICES]),
    ),
    "WebP, lossless": (images.encode(RGB, "WEBP", lossless=True), RGB),
    "WebP, lossless with alpha": (
        images.encode(np.dstack([RGB, ALPHA]), "WEBP", lossless=True, exact=True),
        on_white(RGB, ALPHA),
    ),
    "GIF": (images.encode(GREYS, "GIF"), grey(GREYS)),
    "GIF, a transparent index": (
        images.encode(GREYS, "GIF", transparency=int(GREYS[3, 3])),
        transparent_where(grey(GREYS), GREYS[3, 3] == GREYS),
    ),
    "BMP": (images.encode(RGB, "BMP"), RGB),
    "BMP, 1-bit": (images.encode(BITS * 255, "BMP", "1"), grey(BITS * 255)),
}


@pytest.mark.parametrize(("content", "expected"), CASES.values(), ids=CASES)
async def test_lossless_pictures_come_out_exactly(decode: Decode, content: bytes, expected: Pixels) -> None:
    np.testing.assert_array_equal(await decode(content, WIDTH, HEIGHT), expected)


@pytest.mark.parametrize("mode", ["RGB", "L"])
async def test_jpeg_comes_out_as_it_went_in(decode: Decode, mode: str) -> None:
    smooth = images.smooth(32, 48)
    weights = np.array([0.299, 0.587, 0.114])
    expected = smooth if mode == "RGB" else grey(np.rint(smooth @ weights))
    decoded = await decode(images.encode(smooth, "JPEG", mode, quality=95), 48, 32)
    assert np.abs(decoded.astype(int) - expected).mean() < 2


INK = np.array([200, 90, 30, 60])
"""Cyan, magenta, yellow, black."""


async def test_cmyk_jpeg_is_ink_on_white(decode: Decode) -> None:
    expected = (255 - INK[:3]) * (255 - INK[3]) / 255
    decoded = await decode(cmyk_jpeg(), 16, 16)
    assert np.abs(decoded - expected).max() <= 2


async def test_ycck_jpeg_is_ink_on_white(decode: Decode) -> None:
    """Adobe's other encoding: the same bytes, read as luminance and chrominance of the inks (ITU-R BT.601, JFIF)."""
    content = cmyk_jpeg()
    transform = content.index(b"Adobe") + 11
    content = content[:transform] + b"\x02" + content[transform + 1 :]
    y, cb, cr, k = 255 - INK
    ink = np.array([y + 1.402 * (cr - 128), y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128), y + 1.772 * (cb - 128)])
    decoded = await decode(content, 16, 16)
    assert np.abs(decoded - (255 - ink.clip(0, 255)) * k / 255).max() <= 2


def cmyk_jpeg() -> bytes:
    flat = np.broadcast_to(INK.astype(np.uint8), (16, 16, 4))
    return images.encode_as(flat, "CMYK", "JPEG", quality=100)


FRAMES = [RGB, images.noise(HEIGHT, WIDTH, seed=4), images.noise(HEIGHT, WIDTH, seed=5)]


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("WEBP", {"lossless": True})])
async def test_the_first_frame_of_an_animation_is_taken(decode: Decode, kind: str, options: dict[str, Any]) -> None:
    np.testing.assert_array_equal(await decode(images.animation(FRAMES, kind, **options), WIDTH, HEIGHT), RGB)


async def test_the_first_frame_of_a_gif_is_taken(decode: Decode) -> None:
    content = images.animation([GREYS, GREYS[::-1].copy()], "GIF")
    np.testing.assert_array_equal(await decode(content, WIDTH, HEIGHT), grey(GREYS))


async def test_mpo_is_a_jpeg(decoder: DecoderPool) -> None:
    """Phones append a preview or a gain map; the first picture is the photograph."""
    content = images.animation(FRAMES, "MPO", quality=95)
    decoded = await decoder.decode(content, [Geometry(WIDTH, HEIGHT, "NEAREST", 0)])
    alone = await decoder.decode(images.encode(RGB, "JPEG", quality=95), [Geometry(WIDTH, HEIGHT, "NEAREST", 0)])
    assert decoded.format == "JPEG"
    np.testing.assert_array_equal(decoded.pixels[0], alone.pixels[0])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
async def test_the_format_is_read_from_the_bytes(decoder: DecoderPool, kind: str) -> None:
    assert (await decoder.decode(images.encode(RGB, kind), [])).format == kind


@pytest.mark.parametrize("kind", ["TIFF", "AVIF", "PPM", "ICO", "TGA", "EPS", "PDF"])
async def test_other_formats_are_refused(decoder: DecoderPool, kind: str) -> None:
    with pytest.raises(ImageUndecodable):
        await decoder.decode(images.encode(RGB, kind), [])


@pytest.mark.parametrize("kind", ["TIFF", "AVIF"])
async def test_tiff_and_avif_are_read_where_the_operator_allows_them(tiff_and_avif: DecoderPool, kind: str) -> None:
    decoded = await tiff_and_avif.decode(images.encode(RGB, kind), [])
    assert (decoded.format, decoded.width_px, decoded.height_px) == (kind, WIDTH, HEIGHT)


@pytest.mark.parametrize(
    ("values", "expected"),
    [(DEEP[..., 0], DEEP[..., 0] >> 8), (np.array([[-5, 300, 70_000]], np.int32), np.array([[0, 1, 255]]))],
    ids=["16 bits", "32 bits"],
)
async def test_deep_tiff_is_scaled(
    tiff_and_avif: DecoderPool, values: npt.NDArray[Any], expected: npt.NDArray[Any]
) -> None:
    size = Geometry(values.shape[1], values.shape[0], "NEAREST", 0)
    decoded = await tiff_and_avif.decode(images.encode(values, "TIFF"), [size])
    np.testing.assert_array_equal(decoded.pixels[0], grey(expected))


async def test_tiff_of_real_numbers_is_refused(tiff_and_avif: DecoderPool) -> None:
    """They have no range that white could be the end of."""
    with pytest.raises(ImageUndecodable):
        await tiff_and_avif.decode(images.encode(np.ones((2, 2), np.float32), "TIFF"), [])
