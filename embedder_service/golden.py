"""Golden vectors: what a model made of a few generated pictures where it was added, held against what it makes here.

They lie in a model's folder as golden.json. A model whose vectors do not match is refused: another Pillow, another ONNX
Runtime, another processor or other preprocessing would give vectors that do not compare with those that are stored.
"""

import asyncio
import base64
import struct
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from embedder_service.ports import ImageDecoder, Model, ModelUnusable, Pixels, Vectors

FILE = "golden.json"
MAX_FILE_BYTES = 2 * 2**20
PICTURES = "likeness-golden-1"
# Sums in another order, on another processor, change a cosine by 1e-6; coarse activations and int8 by up to 1e-4.
MIN_COSINE = 0.9999
COUNT = 4


class Golden(BaseModel):
    """The contents of golden.json."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    pictures: str = Field(pattern=f"^{PICTURES}$")
    """Which pictures: `pictures()` of this file."""
    fingerprint: str = Field(pattern=r"^[0-9a-f]{64}$")
    """Of the model that gave the vectors."""
    min_cosine: float = Field(gt=0.9, le=1)
    """The least cosine, for each picture, at which two vectors count as the same."""
    vectors: tuple[str, ...] = Field(strict=False)
    """One for each picture: little-endian float32 of length 1, in base64."""

    @classmethod
    def of(cls, fingerprint: str, vectors: Vectors, min_cosine: float = MIN_COSINE) -> "Golden":
        """Return what the file is to hold."""
        encoded = tuple(base64.b64encode(row.astype("<f4").tobytes()).decode() for row in vectors)
        return cls(pictures=PICTURES, fingerprint=fingerprint, min_cosine=min_cosine, vectors=encoded)

    @classmethod
    def read(cls, content: bytes) -> "Golden":
        """Return the contents of a file.

        Raises:
            ModelUnusable: it is no such file.
        """
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            first = error.errors()[0]
            raise ModelUnusable(f"{FILE}: {'.'.join(map(str, first['loc'])) or 'all of it'}: {first['msg']}") from None

    def text(self) -> str:
        """Return the contents of the file."""
        return self.model_dump_json(indent=1) + "\n"

    def rows(self, dimension: int) -> Vectors:
        """Return the vectors, [pictures, dimension].

        Raises:
            ModelUnusable: they are not that many, or not of that length.
        """
        try:
            rows = [np.frombuffer(base64.b64decode(vector, validate=True), "<f4") for vector in self.vectors]
        except ValueError:
            raise ModelUnusable(f"{FILE}: a vector is no base64 of float32 numbers") from None
        if [len(row) for row in rows] != [dimension] * COUNT:
            raise ModelUnusable(f"{FILE}: wanted are {COUNT} vectors of {dimension} numbers")
        stacked: Vectors = np.stack(rows)
        return stacked


async def vectors(
    model: Model, decoder: ImageDecoder, at_once: int = COUNT, *, seconds: float | None = None
) -> Vectors:
    """Return what a model makes of the pictures, in batches of `at_once`, each vector divided by its length.

    Raises:
        TimeoutError: its runs took over `seconds`.
    """
    geometry = model.card.preprocessing.geometry
    decoded = [await decoder.decode(content, [geometry]) for content in pictures()]
    batches = [decoded[start : start + at_once] for start in range(0, len(decoded), at_once)]
    async with asyncio.timeout(seconds):
        outputs = [await model.infer([image.pixels[0] for image in batch]) for batch in batches]
    rows = np.concatenate(outputs).astype(np.float64)
    units: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return units


async def check(model: Model, decoder: ImageDecoder, golden: Golden, seconds: float) -> float:
    """Hold a model against its golden vectors, and return the least cosine with them.

    Raises:
        ModelUnusable: they are those of other preprocessing or of another network, or do not come out here, or not
            within `seconds`.
    """
    if golden.fingerprint != model.card.fingerprint:
        renew = "where the change is meant, run: likeness-models verify --renew"
        raise ModelUnusable(f"{FILE} is of another network or preprocessing than model.toml says; {renew}")
    expected = golden.rows(model.card.dimension)
    try:
        found = await vectors(model, decoder, seconds=seconds)
    except TimeoutError:
        raise ModelUnusable(f"its run over the golden pictures did not end within {seconds:g} seconds") from None
    worst = float((expected.astype(np.float64) * found).sum(axis=1).min())
    if not worst >= golden.min_cosine:
        problem = f"the least cosine with them is {worst:.6f}, and must be at least {golden.min_cosine}"
        raise ModelUnusable(f"it does not give its golden vectors here: {problem}")
    return worst


def pictures() -> Sequence[bytes]:
    """Return the pictures: whole numbers alone make them, so that they are the same everywhere.

    BMP, since it has one decoding; wide, tall, larger and smaller than what networks take; with colours that no
    exchange of channels leaves as they are, and stripes that every resampling filter renders in its own way.
    """
    return [bitmap(_ramps(240, 320)), bitmap(_stripes(400, 250)), bitmap(_noise(300, 300)), bitmap(_discs(90, 120))]


def bitmap(pixels: Pixels) -> bytes:
    """Return pixels, [height, width, 3] in RGB, as a BMP of 24 bits: rows from the bottom up, filled to 4 bytes."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, -(-width * 3 // 4) * 4), np.uint8)
    rows[:, : width * 3] = pixels[::-1, :, ::-1].reshape(height, width * 3)
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, rows.size, 2835, 2835, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + rows.size, 0, 0, 54) + header + rows.tobytes()


Grid = npt.NDArray[np.int64]


def _grid(height: int, width: int) -> tuple[Grid, Grid]:
    y, x = np.mgrid[0:height, 0:width]
    return y.astype(np.int64), x.astype(np.int64)


def _ramps(height: int, width: int) -> Pixels:
    """A sky of a picture: red to the right, blue downwards, and a green band."""
    y, x = _grid(height, width)
    band = np.where((2 * y + x) // 50 % 3 == 0, 200, 60)
    return np.stack([x * 255 // width, band, 255 - y * 255 // height], axis=2).astype(np.uint8)


def _stripes(height: int, width: int) -> Pixels:
    """Rings that get finer outwards, down to a pixel or two, in orange and teal."""
    y, x = _grid(height, width)
    wave = ((y - height // 3) ** 2 + (x - width // 2) ** 2) // 300 % 2
    return np.where(wave[..., None] == 1, [235, 140, 20], [10, 110, 130]).astype(np.uint8)


def _noise(height: int, width: int) -> Pixels:
    """Blocks of 6 pixels in colours that a multiplicative hash picks."""
    y, x = _grid(height, width)
    mixed = ((y // 6) * 73_856_093 ^ (x // 6) * 19_349_663) % 2**31
    return np.stack([mixed * step % 2_147_483_647 >> 11 & 255 for step in (48_271, 69_621, 16_807)], 2).astype(np.uint8)


def _discs(height: int, width: int) -> Pixels:
    """Three discs on grey, small enough to be enlarged."""
    y, x = _grid(height, width)
    out = np.full((height, width, 3), 128, np.int64)
    for row, column, colour in ((30, 30, [220, 30, 40]), (50, 70, [40, 180, 60]), (65, 100, [30, 40, 210])):
        out[(y - row) ** 2 + (x - column) ** 2 < 20**2] = colour
    return out.astype(np.uint8)
