"""Golden vectors notice what a model must not be served with."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from embedder_service import golden
from embedder_service.decode_pool import DecoderPool
from embedder_service.golden import Golden
from embedder_service.model_card import ModelCard
from embedder_service.onnx_model import Engine, OnnxModel
from embedder_service.ports import ModelUnusable
from tests import embedder_images as images
from tests import embedder_models


@pytest.mark.parametrize("width", [5, 6, 7, 8])
def test_a_bitmap_holds_its_pixels(width: int) -> None:
    pixels = images.noise(3, width)
    np.testing.assert_array_equal(np.asarray(Image.open(BytesIO(golden.bitmap(pixels)))), pixels)


def test_the_pictures_differ_in_shape_and_use_all_colours() -> None:
    opened = [Image.open(BytesIO(content)) for content in golden.pictures()]
    assert len({picture.size for picture in opened}) == len(opened) == golden.COUNT
    for picture in opened:
        red, green, blue = np.moveaxis(np.asarray(picture).astype(int), 2, 0)
        for one, other in ((red, green), (green, blue), (red, blue)):
            assert np.abs(one - other).mean() > 10


def model(thread: ThreadPoolExecutor, content: bytes, **changes: Any) -> OnnxModel:
    fields = embedder_models.card("m", content, 1280, **embedder_models.IMAGENET | changes)
    return OnnxModel(ModelCard.model_validate(fields), content, Engine(thread, threads=1, trial_seconds=60))


@pytest.mark.parametrize(
    "change",
    [
        {"colour_order": "BGR"},
        {"resize_filter": "BICUBIC"},
        {"resize_filter": "NEAREST"},
        {"resize_px": 232},
        {"resize_px": 0, "resize_mode": "stretch", "crop": "none"},
        {"std": [1.0, 1.0, 1.0]},
        {"mean": [0.5, 0.5, 0.5]},
    ],
    ids=str,
)
async def test_other_preprocessing_gives_other_vectors(
    thread: ThreadPoolExecutor, decoder: DecoderPool, shared_data: Path, change: dict[str, Any]
) -> None:
    content = (shared_data / "models" / "mobilenetv2.onnx").read_bytes()
    vectors = await golden.vectors(model(thread, content), decoder)
    other = model(thread, content, **change)
    with pytest.raises(ModelUnusable, match="does not give its golden vectors here"):
        await golden.check(other, decoder, Golden.of(other.card.fingerprint, vectors), 60)


async def test_what_was_written_is_what_comes_out(
    thread: ThreadPoolExecutor, decoder: DecoderPool, shared_data: Path
) -> None:
    content = (shared_data / "models" / "mobilenetv2.onnx").read_bytes()
    same = model(thread, content)
    written = Golden.of(same.card.fingerprint, await golden.vectors(same, decoder))
    assert await golden.check(same, decoder, Golden.read(written.text().encode()), 60) > 0.999999
