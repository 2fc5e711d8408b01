"""Presets against the formulas of those who trained the networks, and against Keras's own numbers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from embedder_service.images import PillowReader
from embedder_service.model_card import Preprocessing
from embedder_service.model_tools.presets import PRESETS
from embedder_service.pictures import Limits
from embedder_service.tensors import InputBuilder
from tests import embedder_images as images

Array = npt.NDArray[np.float64]
PICTURE = images.noise(8, 8)
# Single precision, on numbers of up to 255.
TOLERANCE: dict[str, Any] = {"rtol": 1e-6, "atol": 2e-5}


def preprocessing(preset: str, width: int = 8, height: int = 8) -> Preprocessing:
    graph = {"layout": "NHWC", "dtype": "float32", "output_tensor": "f", "pooling": "none", "normalisation": "l2"}
    return Preprocessing.model_validate(PRESETS[preset].fields(width, height) | graph)


def built(preset: str, picture: npt.NDArray[np.uint8]) -> Array:
    height, width, _ = picture.shape
    tensor: Array = InputBuilder(preprocessing(preset, width, height)).build([picture])[0].astype(np.float64)
    return tensor


def keras(mode: str, x: Array) -> Array:
    """keras.applications.imagenet_utils, of channels-last numpy arrays, as it is written there."""
    if mode == "tf":
        return x / 127.5 - 1.0
    if mode == "torch":
        return np.asarray((x / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225])
    return x[..., ::-1] - [103.939, 116.779, 123.68]


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_modes_of_keras_are_their_formulas(mode: str) -> None:
    np.testing.assert_allclose(built(f"keras-{mode}", PICTURE), keras(mode, PICTURE.astype(np.float64)), **TOLERANCE)


@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_modes_of_keras_give_the_numbers_that_keras_gave(root: Path, mode: str) -> None:
    """`make keras` has the script that wrote them."""
    numbers = json.loads((root / "tests" / "keras" / "preprocessing.json").read_text())
    pixels = np.array(numbers["pixels"], np.uint8)[None]
    np.testing.assert_allclose(built(f"keras-{mode}", pixels)[0], numbers[mode], **TOLERANCE)


def torchvision(content: Image.Image, resize: int, crop: int, resample: Image.Resampling) -> Array:
    """transforms.Resize and CenterCrop on a Pillow image, and ToTensor, in the arithmetic of torchvision's source."""
    width, height = content.size
    short, long = (width, height) if width <= height else (height, width)
    new_short, new_long = resize, int(resize * long / short)
    size = (new_short, new_long) if width <= height else (new_long, new_short)
    top, left = round((size[1] - crop) / 2.0), round((size[0] - crop) / 2.0)
    return np.asarray(content.resize(size, resample).crop((left, top, left + crop, top + crop))) / 255.0


PIPELINES: dict[str, tuple[int, Image.Resampling, list[float], list[float]]] = {
    "torchvision": (256, Image.Resampling.BILINEAR, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    "clip": (
        224,
        Image.Resampling.BICUBIC,
        [0.48145466, 0.4578275, 0.40821073],
        [0.26862954, 0.26130258, 0.27577711],
    ),
}


@pytest.mark.parametrize("size", [(61, 47), (47, 61), (300, 224), (33, 200)])
@pytest.mark.parametrize("preset", PIPELINES)
def test_pipelines_of_torchvision_are_theirs(preset: str, size: tuple[int, int]) -> None:
    resize, resample, mean, std = PIPELINES[preset]
    picture = Image.fromarray(images.noise(size[1], size[0]))
    expected = (torchvision(picture, resize, 224, resample) - mean) / std
    card = preprocessing(preset, 224, 224)
    limits = Limits(max_bytes=2**24, max_pixels=2**24, max_side_px=2**12, max_jpeg_scans=100)
    content = images.encode(np.asarray(picture), "PNG")
    (read,) = PillowReader(limits).read(content, [card.geometry]).pixels
    pixels = np.frombuffer(read, np.uint8).reshape(224, 224, 3)
    np.testing.assert_allclose(InputBuilder(card).build([pixels])[0].astype(np.float64), expected, **TOLERANCE)


def test_stretching_is_what_load_img_of_keras_does() -> None:
    card = preprocessing("keras-caffe", 224, 224)
    assert (card.resize_mode, card.resize_filter, card.crop) == ("stretch", "BILINEAR", "none")


@pytest.mark.parametrize(("side", "shorter"), [(224, 256), (299, 342), (288, 329)])
def test_other_inputs_are_cut_from_pictures_as_much_larger(side: int, shorter: int) -> None:
    """torchvision has 342 for the 299 of Inception; the others follow."""
    assert preprocessing("torchvision", side, side).resize_px == shorter


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_whole(preset: str) -> None:
    assert preprocessing(preset, 224, 224)
    assert PRESETS[preset].meaning.endswith(".")
