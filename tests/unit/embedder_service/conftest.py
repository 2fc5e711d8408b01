"""The real decoder, in a thread of its own."""

from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from embedder_service.images import Limits, PillowDecoder
from embedder_service.model_card import Geometry
from embedder_service.ports import Pixels

Decode = Callable[[bytes, int, int], Awaitable[Pixels]]
LIMITS = Limits(max_bytes=20 * 2**20, max_pixels=50_000_000, max_side_px=65_535, max_jpeg_scans=100)


@pytest.fixture(scope="session")
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
def decoder(thread: ThreadPoolExecutor) -> PillowDecoder:
    return PillowDecoder(thread, 1, LIMITS)


@pytest.fixture
def decode(decoder: PillowDecoder) -> Decode:
    """Decodes to the picture's own size, so that its pixels come out as they are."""

    async def to_size(content: bytes, width: int, height: int) -> Pixels:
        decoded = await decoder.decode(content, [Geometry(width, height, "NEAREST", 0)])
        assert (decoded.width_px, decoded.height_px) == (width, height)
        return decoded.pixels[0]

    return to_size
