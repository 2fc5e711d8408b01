"""The built-in models against their definitions, computed here pixel by pixel, and against what the script writes."""

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import onnx
import pytest

from embedder_service import model_folder
from embedder_service.catalog import BUILT_IN
from embedder_service.models import generate
from embedder_service.onnx_model import Engine, OnnxModel
from embedder_service.ports import Model, Pixels, Vectors
from tests import embedder_images as images

Array = npt.NDArray[np.float64]
Models = dict[str, Model]


@pytest.fixture(scope="module")
def models(thread: ThreadPoolExecutor) -> Models:
    engine = Engine(thread, threads=1, trial_seconds=10)
    files = [model_folder.read(folder) for folder in model_folder.below(BUILT_IN)]
    return {each.card.name: OnnxModel(each.card, each.content, engine) for each in files}


def pictures(side: int) -> list[Pixels]:
    """Noise, ramps, edges at an angle, and one colour: what a formula may go wrong on."""
    y, x = np.mgrid[0:side, 0:side]
    edge = np.where((2 * x + y > 1.3 * side)[..., None], [250, 20, 30], [10, 90, 200]).astype(np.uint8)
    disc = np.where(((x - side / 3) ** 2 + (y - side / 2) ** 2 < side**2 / 9)[..., None], 255, 0).astype(np.uint8)
    flat = np.full((side, side, 3), (200, 120, 40), np.uint8)
    return [images.noise(side, side), images.smooth(side, side), edge, np.repeat(disc, 3, 2), flat]


def colour(picture: Pixels) -> Array:
    """Each pixel's vote, shared out among the 8 of the 6 x 6 x 6 colours around it; then the grid of 8 x 8 cells."""
    votes = np.zeros((6, 6, 6))
    for pixel in picture.reshape(-1, 3) / 255 * 5:
        below = np.minimum(pixel.astype(int), 4)
        share = pixel - below
        for corner in np.ndindex(2, 2, 2):
            weight = np.where(corner, share, 1 - share).prod()
            votes[tuple(below + corner)] += weight / len(picture) ** 2
    red, green, blue = picture.reshape(8, 8, 8, 8, 3).mean(axis=(1, 3)).transpose(2, 0, 1) / 255
    grid = np.stack([(red + green + blue) / 3 - 0.5, red - green, (red + green) / 2 - blue]).ravel()
    return np.concatenate([np.sqrt(votes).ravel(), 0.8 * grid / math.sqrt(grid @ grid + 0.1**2)])


def oriented_gradients(picture: Pixels) -> Array:
    """Dalal and Triggs: each pixel's gradient votes for 2 of 18 directions in up to 4 of the 4 x 4 cells."""
    luma = np.pad(picture / 255 @ np.array([0.299, 0.587, 0.114]), 1, mode="edge")
    right, down = luma[1:-1, 2:] - luma[1:-1, :-2], luma[2:, 1:-1] - luma[:-2, 1:-1]
    cells = np.zeros((6, 6, 18))  # with a margin for votes beyond the border, which are lost
    for y, x in np.ndindex(128, 128):
        direction = math.atan2(down[y, x], right[y, x]) / (2 * math.pi) * 18
        row, column = (y + 0.5) / 32 + 0.5, (x + 0.5) / 32 + 0.5
        for corner in np.ndindex(2, 2, 2):
            place = [math.floor(value) + at for value, at in zip((row, column, direction), corner, strict=True)]
            near = [1 - abs(value - at) for value, at in zip((row, column, direction), place, strict=True)]
            cells[place[0], place[1], place[2] % 18] += math.prod(near) * math.hypot(right[y, x], down[y, x]) / 32**2
    kept = cells[1:-1, 1:-1]
    return np.concatenate([block(kept[y : y + 2, x : x + 2].ravel()) for y in range(3) for x in range(3)])


def block(votes: Array) -> Array:
    """L2-Hys."""
    unit = votes / math.sqrt(votes @ votes + 0.01**2)
    clipped = unit.clip(max=0.2)
    return clipped / math.sqrt(clipped @ clipped + 0.01**2)


def infer(model: Model, pixels: list[Pixels]) -> Array:
    async def run() -> Vectors:
        return await model.infer(pixels)

    return asyncio.run(run()).astype(np.float64)


def test_colour_is_what_its_definition_says(models: Models) -> None:
    expected = np.array([colour(picture) for picture in pictures(64)])
    vectors = infer(models["colour"], pictures(64))
    # Squared, since the root of the rounding error in an empty bin is not small.
    np.testing.assert_allclose(vectors[:, : 6**3] ** 2, expected[:, : 6**3] ** 2, atol=1e-6)
    np.testing.assert_allclose(vectors[:, 6**3 :], expected[:, 6**3 :], atol=1e-5)


def test_shape_is_what_its_definition_says(models: Models) -> None:
    """Compared by inner products, for which the order of the numbers, and keeping one of each mirrored pair, is one."""
    sums = [oriented_gradients(p) + oriented_gradients(p[:, ::-1]) for p in pictures(128)]
    # Half of each pair, by the square root of a half each; and the constant that is beside them.
    expected = np.array(sums) @ np.array(sums).T / 4 + 0.1**2
    vectors = infer(models["shape"], pictures(128))
    np.testing.assert_allclose(vectors @ vectors.T, expected, rtol=1e-3, atol=1e-4)


def test_shape_is_the_same_for_a_mirror_image(models: Models) -> None:
    mirrored = [picture[:, ::-1] for picture in pictures(128)]
    np.testing.assert_allclose(infer(models["shape"], mirrored), infer(models["shape"], pictures(128)), atol=1e-4)


@pytest.mark.parametrize("name", ["colour", "shape"])
@pytest.mark.parametrize("level", [0, 127, 128, 255])
def test_a_picture_of_one_grey_has_a_vector(models: Models, name: str, level: int) -> None:
    side = models[name].card.preprocessing.input_width_px
    vectors = infer(models[name], [np.full((side, side, 3), level, np.uint8)])
    assert np.linalg.norm(vectors) > 0.05


@pytest.mark.parametrize("name", ["colour", "shape"])
def test_the_script_writes_the_committed_file(name: str) -> None:
    assert getattr(generate, name)() == (BUILT_IN / name / "model.onnx").read_bytes()


@pytest.mark.parametrize("name", ["colour", "shape"])
def test_a_built_in_model_is_small_and_of_standard_operators(name: str) -> None:
    path = BUILT_IN / name / "model.onnx"
    network = onnx.load(path)
    assert path.stat().st_size < 50_000
    assert {opset.domain for opset in network.opset_import} == {""}
    assert {node.domain for node in network.graph.node} == {""}
