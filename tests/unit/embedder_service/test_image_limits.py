"""Limits hold before a pixel is decoded, and say what they are."""

import time
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from embedder_service.decode_pool import DecoderPool
from embedder_service.decode_worker import Allowance
from embedder_service.geometry import Geometry
from embedder_service.images import PillowReader
from embedder_service.ports import CONTENT, ImageTooComplex, ImageTooLarge, ImageUndecodable
from servicekit import errors
from tests import embedder_images as images
from tests.unit.embedder_service.conftest import LIMITS

MODEL_INPUT = Geometry(224, 224, "BILINEAR", 256)
SMALL = Geometry(8, 8, "BILINEAR", 0)
SMALL_ALLOWANCE = Allowance(cpu_seconds=2, memory_bytes=128 * 2**20)


async def refusal(decoder: DecoderPool, content: bytes) -> errors.ServiceError:
    with pytest.raises(errors.InvalidArgument) as caught:
        await decoder.decode(content, [SMALL])
    assert [violation.field for violation in caught.value.violations] == [CONTENT]
    return caught.value


@pytest.mark.parametrize(
    ("size", "unit", "actual", "limit"),
    [
        ((20_000, 15_000), "pixels", 300_000_000, 50_000_000),
        ((7_071, 7_072), "pixels", 50_006_112, 50_000_000),
        ((1, 49_999_999), "pixels a side", 49_999_999, 65_535),
        ((65_536, 1), "pixels a side", 65_536, 65_535),
    ],
)
async def test_a_picture_over_a_limit_is_refused_with_both_figures(
    decoder: DecoderPool, size: tuple[int, int], unit: str, actual: int, limit: int
) -> None:
    error = await refusal(decoder, images.black_png(*size))
    assert isinstance(error, ImageTooLarge)
    assert error.message == f"content: has {actual:,} {unit}; the limit is {limit:,}"
    assert error.metadata == {"unit": unit, "actual": str(actual), "limit": str(limit)}


async def test_the_size_is_read_from_the_header(decoder: DecoderPool) -> None:
    """Of this file there is no more than its header: had anything been decoded, it would be damaged, not too large."""
    header = images.black_png(20_000, 15_000)[:60]
    assert isinstance(await refusal(decoder, header), ImageTooLarge)


@pytest.mark.parametrize(("width", "height"), [(7_071, 7_071), (1, 65_535), (65_535, 1)])
async def test_a_picture_at_a_limit_is_read(decoder: DecoderPool, width: int, height: int) -> None:
    """The thin ones must not grow to gigabytes on the way to a square."""
    decoded = await decoder.decode(images.black_png(width, height), [MODEL_INPUT, SMALL])
    assert (decoded.width_px, decoded.height_px) == (width, height)
    assert [pixels.shape for pixels in decoded.pixels] == [(224, 224, 3), (8, 8, 3)]
    assert not any(pixels.any() for pixels in decoded.pixels)


async def test_a_file_over_twenty_mebibytes_is_refused(decoder: DecoderPool) -> None:
    picture = images.encode(images.noise(8, 8), "PNG")
    limit = 20 * 2**20
    whole = picture.ljust(limit, b"\0")
    assert (await decoder.decode(whole, [SMALL])).format == "PNG"
    error = await refusal(decoder, whole + b"\0")
    assert isinstance(error, ImageTooLarge)
    assert error.metadata == {"unit": "bytes", "actual": str(limit + 1), "limit": str(limit)}


async def test_a_jpeg_of_too_many_scans_is_refused(decoder: DecoderPool) -> None:
    """This one, of 282 kB, would take eight seconds to decode, and nothing could stop it."""
    error = await refusal(decoder, images.progressive_jpeg(7_000, 7_000, 2_000))
    assert isinstance(error, ImageTooComplex)
    assert error.metadata == {"unit": "scans", "actual": "2001", "limit": "100"}


async def test_a_jpeg_of_a_hundred_scans_is_read(decoder: DecoderPool) -> None:
    decoded = await decoder.decode(images.progressive_jpeg(2_000, 1_500, 99), [SMALL])
    assert (decoded.width_px, decoded.height_px) == (2_000, 1_500)
    assert isinstance(await refusal(decoder, images.progressive_jpeg(2_000, 1_500, 100)), ImageTooComplex)


async def test_a_text_chunk_that_unpacks_to_much_is_not_unpacked() -> None:
    """To 200 MiB: with 64 MiB more than a decoder has anyway it would be too complex."""
    bomb = b"Comment\0\0" + images.deflate_zeros(200 * 2**20)
    async with DecoderPool.open(1, LIMITS, SMALL_ALLOWANCE) as decoder:
        error = await refusal(decoder, images.png(1, 1, 8, images.GREY, b"\0\0", zTXt=bomb))
    assert isinstance(error, ImageUndecodable)


def test_only_the_first_frame_of_many_is_gone_through() -> None:
    gif = images.encode(np.zeros((2, 2), np.uint8), "GIF")
    frame = gif[gif.index(b",") : -1]  # from its descriptor on
    content = gif[:-1] + frame * 300_000 + gif[-1:]
    start = time.process_time()
    assert PillowReader(LIMITS).read(content, [SMALL]).format == "GIF"
    decoding = time.process_time() - start
    assert Image.open(BytesIO(content)).n_frames == 300_001  # type: ignore[attr-defined]
    assert decoding < (time.process_time() - start - decoding) / 4


async def test_a_picture_that_memory_has_no_room_for_is_too_complex() -> None:
    """This one takes 200 MiB."""
    async with DecoderPool.open(1, LIMITS, SMALL_ALLOWANCE) as decoder:
        error = await refusal(decoder, images.black_png(7071, 7071))
        assert isinstance(error, ImageTooComplex)
        assert error.message == "content: decoding takes more memory than a picture may have"
        assert (await decoder.decode(images.black_png(8, 8), [SMALL])).width_px == 8
