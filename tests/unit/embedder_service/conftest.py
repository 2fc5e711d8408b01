"""The real decoder, one process; and a thread for networks."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from embedder_service.decode_pool import DecoderPool
from embedder_service.decode_worker import Allowance
from embedder_service.geometry import Geometry
from embedder_service.pictures import Limits
from embedder_service.ports import Pixels
from embedder_service.reading import UriReading
from embedder_service.uris import AllowedPrefixes

Decode = Callable[[bytes, int, int], Awaitable[Pixels]]
LIMITS = Limits(max_bytes=20 * 2**20, max_pixels=50_000_000, max_side_px=65_535, max_jpeg_scans=100)
NO_READER: Any = None
NOTHING_ALLOWED = UriReading(AllowedPrefixes([]), NO_READER, NO_READER, at_once=1, timeout_seconds=1)
ALLOWANCE = Allowance(cpu_seconds=2.0, memory_bytes=1536 * 2**20)


@pytest.fixture(scope="session")
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture(scope="module")
async def decoder() -> AsyncIterator[DecoderPool]:
    async with DecoderPool.open(1, LIMITS, ALLOWANCE) as pool:
        yield pool


@pytest.fixture(scope="module")
async def tiff_and_avif() -> AsyncIterator[DecoderPool]:
    async with DecoderPool.open(1, LIMITS, ALLOWANCE, ["TIFF", "AVIF"]) as pool:
        yield pool


@pytest.fixture
def decode(decoder: DecoderPool) -> Decode:
    """Decodes to the picture's own size, so that its pixels come out as they are."""

    async def to_size(content: bytes, width: int, height: int) -> Pixels:
        decoded = await decoder.decode(content, [Geometry(width, height, "NEAREST", 0)])
        assert (decoded.width_px, decoded.height_px) == (width, height)
        return decoded.pixels[0]

    return to_size
