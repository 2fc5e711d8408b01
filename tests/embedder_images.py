"""Encoded pictures for tests: written by Pillow where it can, byte by byte where it cannot."""

import struct
import zlib
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]

GREY, COLOUR, PALETTE, GREY_ALPHA, COLOUR_ALPHA = 0, 2, 3, 4, 6
"""PNG's colour types."""


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> Pixels:
    """Random pixels, which no encoder can shrink and no mistake leaves unchanged."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def smooth(height: int, width: int) -> Pixels:
    """Pixels that survive a lossy encoding: three different ramps."""
    y, x = np.mgrid[0:height, 0:width]
    ramps = [x * 255 / width, y * 255 / height, (x + y) * 255 / (width + height)]
    return np.stack(ramps, axis=2).astype(np.uint8)


def encode(pixels: npt.NDArray[Any], kind: str, mode: str | None = None, **options: Any) -> bytes:
    """Encode with Pillow, after its own conversion to `mode`."""
    picture = Image.fromarray(pixels)
    return _save(picture.convert(mode) if mode else picture, kind, **options)


def encode_as(pixels: Pixels, mode: str, kind: str, **options: Any) -> bytes:
    """Encode with Pillow samples that are of `mode` already."""
    size = pixels.shape[1], pixels.shape[0]
    return _save(Image.frombytes(mode, size, pixels.tobytes()), kind, **options)


def _save(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def animation(frames: Sequence[Pixels], kind: str, **options: Any) -> bytes:
    """Encode several frames (or, as MPO, several pictures)."""
    first, *rest = map(Image.fromarray, frames)
    return _save(first, kind, save_all=True, append_images=rest, **options)


def png(width: int, height: int, depth: int, kind: int, rows: bytes, **chunks: bytes) -> bytes:
    """A PNG of raw rows, each with its filter byte, and of chunks before them."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    extra = b"".join(chunk(name.encode(), body) for name, body in chunks.items())
    body = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + body


def black_png(width: int, height: int) -> bytes:
    """A black PNG with one bit a pixel, of any size in next to no memory."""
    packer = zlib.compressobj()
    row = bytes(1 + (width + 7) // 8)
    step = max(1, 2**20 // len(row))
    parts = [packer.compress(row * min(step, height - start)) for start in range(0, height, step)]
    header = struct.pack(">IIBBBBB", width, height, 1, GREY, 0, 0, 0)
    body = chunk(b"IDAT", b"".join(parts) + packer.flush()) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + body


def chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def progressive_jpeg(width: int, height: int, empty_scans: int) -> bytes:
    """A grey progressive JPEG whose scans after the first change nothing, and still have to be gone through.

    ITU-T T.81: one scan of DC differences, all zero and one bit each; then scans of AC coefficients that consist of
    end-of-band runs (G.1.2.2), 15 bits for up to 32,767 blocks.
    """
    blocks = -(-width // 8) * -(-height // 8)
    dc_scan = _scan(0, 0, "0" * blocks)
    ac_scan = _scan(1, 63, "".join(_band_run(min(32_767, blocks - start)) for start in range(0, blocks, 32_767)))
    quantisation = _segment(0xDB, bytes([0]) + bytes([1]) * 64)
    frame = _segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + bytes([1, 0x11, 0]))
    # One DC code, 0 for no difference; 15 AC codes of 4 bits, run lengths by the power of two below them.
    tables = _huffman(0x00, {1: [0]}) + _huffman(0x10, {4: [power << 4 for power in range(15)]})
    return b"\xff\xd8" + quantisation + frame + tables + dc_scan + ac_scan * empty_scans + b"\xff\xd9"


def _band_run(blocks: int) -> str:
    power = blocks.bit_length() - 1
    rest = blocks - (1 << power)
    return f"{power:04b}" + (f"{rest:0{power}b}" if power else "")


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _huffman(place: int, codes: dict[int, list[int]]) -> bytes:
    counts = bytes(len(codes.get(length, [])) for length in range(1, 17))
    return _segment(0xC4, bytes([place]) + counts + bytes(symbol for symbols in codes.values() for symbol in symbols))


def _scan(first: int, last: int, bits: str) -> bytes:
    padded = bits + "1" * (-len(bits) % 8)
    data = int(padded, 2).to_bytes(len(padded) // 8)
    return _segment(0xDA, bytes([1, 1, 0, first, last, 0])) + data.replace(b"\xff", b"\xff\x00")


def deflate_zeros(count: int) -> bytes:
    """That many zeros, as zlib packs them: a thousandth of the size."""
    packer = zlib.compressobj()
    block = bytes(2**20)
    parts = [packer.compress(block[: count - start]) for start in range(0, count, len(block))]
    return b"".join(parts) + packer.flush()
