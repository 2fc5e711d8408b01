"""Resizing and cutting equal torchvision's Resize and CenterCrop on a Pillow image, to the last pixel."""

import hashlib
import random
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from embedder_service.decode_pool import DecoderPool
from embedder_service.geometry import Geometry
from embedder_service.ports import Pixels
from tests import embedder_images as images

FILTERS = ["NEAREST", "BOX", "BILINEAR", "HAMMING", "BICUBIC", "LANCZOS"]


def torchvision(pixels: Pixels, resize_px: int, width: int, height: int, name: str) -> Pixels:
    """The rules of torchvision.transforms.functional.resize and center_crop, version 0.20."""
    picture = Image.fromarray(pixels)
    w, h = picture.size
    short, long = (w, h) if w <= h else (h, w)
    new_short, new_long = resize_px, int(resize_px * long / short)
    new = (new_short, new_long) if w <= h else (new_long, new_short)
    resized = picture.resize(new, Image.Resampling[name])
    top = round((new[1] - height) / 2.0)
    left = round((new[0] - width) / 2.0)
    return np.asarray(resized)[top : top + height, left : left + width]


@pytest.mark.parametrize("name", FILTERS)
async def test_shorter_side_and_cut_equal_torchvision(decoder: DecoderPool, name: str) -> None:
    chance = random.Random(name)
    for _ in range(25):
        pixels = images.noise(chance.randint(1, 300), chance.randint(40, 300))
        resize_px = chance.choice([32, 64, 71, 100])
        width, height = chance.randint(1, resize_px), chance.randint(1, resize_px)
        decoded = await decoder.decode(images.encode(pixels, "BMP"), [Geometry(width, height, name, resize_px)])
        np.testing.assert_array_equal(decoded.pixels[0], torchvision(pixels, resize_px, width, height, name))


@pytest.mark.parametrize("name", FILTERS)
async def test_stretch_ignores_the_aspect(decoder: DecoderPool, name: str) -> None:
    pixels = images.noise(37, 120)
    decoded = await decoder.decode(images.encode(pixels, "BMP"), [Geometry(64, 48, name, 0)])
    expected = np.asarray(Image.fromarray(pixels).resize((64, 48), Image.Resampling[name]))
    np.testing.assert_array_equal(decoded.pixels[0], expected)


async def test_a_very_long_picture_is_cut_from_its_middle(decoder: DecoderPool) -> None:
    """4 x 20,000, to a shorter side of 64: whole, it would be 64 x 320,000."""
    pixels = np.zeros((20_000, 4, 3), np.uint8)
    pixels[9_998:10_002] = 200
    decoded = await decoder.decode(images.encode(pixels, "PNG"), [Geometry(64, 64, "BOX", 64)])
    assert (decoded.pixels[0] == 200).all()


async def test_each_geometry_gets_its_own_pixels_and_the_picture_is_described(decoder: DecoderPool) -> None:
    content = images.encode(images.noise(30, 50), "PNG")
    geometries = [Geometry(16, 16, "BILINEAR", 0), Geometry(8, 4, "BICUBIC", 10)]
    decoded = await decoder.decode(content, geometries)
    assert [pixels.shape for pixels in decoded.pixels] == [(16, 16, 3), (4, 8, 3)]
    assert (decoded.width_px, decoded.height_px, decoded.format) == (50, 30, "PNG")
    assert decoded.content_sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("size", "geometry", "scale"),
    [
        ((480, 640), Geometry(224, 224, "BILINEAR", 0, scaled=True), 2),
        ((640, 480), Geometry(100, 90, "BILINEAR", 0, scaled=True), 4),
        ((480, 640), Geometry(50, 60, "BILINEAR", 60, scaled=True), 8),
        ((480, 640), Geometry(224, 224, "BILINEAR", 256, scaled=True), 1),
        ((480, 640), Geometry(224, 224, "BILINEAR", 0), 1),
    ],
)
async def test_a_jpeg_is_decoded_at_the_scale_that_the_model_allows(
    decoder: DecoderPool, size: tuple[int, int], geometry: Geometry, scale: int
) -> None:
    """As Pillow's own draft() decodes it, and whatever another model asks for beside it."""
    content = images.encode(images.noise(*size), "JPEG", quality=95)
    whole, draft = Image.open(BytesIO(content)), Image.open(BytesIO(content))
    draft.draft("RGB", (whole.width // scale, whole.height // scale))
    assert (whole.width // scale, whole.height // scale) == draft.size
    beside = Geometry(*whole.size, "NEAREST", 0)
    decoded = await decoder.decode(content, [geometry, beside])
    assert (decoded.width_px, decoded.height_px) == whole.size
    np.testing.assert_array_equal(decoded.pixels[1], np.asarray(whole))
    expected = Image.fromarray(np.asarray(draft))
    fitted = await decoder.decode(images.encode(np.asarray(expected), "BMP"), [geometry])
    np.testing.assert_array_equal(decoded.pixels[0], fitted.pixels[0])
