"""Pixels into the tensor that a network takes, and its output into vectors."""

import asyncio
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from embedder_service.model_card import ModelCard
from embedder_service.onnx_model import Engine, OnnxModel
from embedder_service.ports import ModelUnusable
from tests import embedder_images as images
from tests import embedder_models
from tests.embedder_models import FLOAT, MEAN, UINT8, Port, network, node

PICTURES = [images.noise(8, 8, seed=seed) for seed in range(5)]
MEANS, STDS = [0.4, 0.5, 0.6], [0.1, 0.2, 0.3]


def load(thread: ThreadPoolExecutor, content: bytes, dimension: int, **preprocessing: Any) -> OnnxModel:
    fields = embedder_models.card("m", content, dimension, **preprocessing)
    engine = Engine(thread, threads=1, trial_seconds=10)
    return OnnxModel(ModelCard.model_validate(fields), content, engine)


def tensor(picture: npt.NDArray[np.uint8], order: str, layout: str) -> npt.NDArray[np.float64]:
    """The definition, one number at a time."""
    out = np.zeros((3, 8, 8))
    for place, name in enumerate(order):
        for y, x in np.ndindex(8, 8):
            out[place, y, x] = (picture[y, x, "RGB".index(name)] / 255 - MEANS[place]) / STDS[place]
    return out if layout == "NCHW" else out.transpose(1, 2, 0)


@pytest.mark.parametrize("order", ["RGB", "BGR"])
@pytest.mark.parametrize(("layout", "shape"), [("NCHW", [3, 8, 8]), ("NHWC", [8, 8, 3])])
async def test_pixels_are_normalised_and_laid_out(
    thread: ThreadPoolExecutor, order: str, layout: str, shape: list[int]
) -> None:
    content = embedder_models.flat("input", FLOAT, ["n", *shape])
    model = load(thread, content, 192, colour_order=order, layout=layout, mean=MEANS, std=STDS)
    expected = [tensor(picture, order, layout).ravel() for picture in PICTURES]
    np.testing.assert_allclose(await model.infer(PICTURES), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("order", ["RGB", "BGR"])
@pytest.mark.parametrize(("layout", "shape"), [("NCHW", [3, 8, 8]), ("NHWC", [8, 8, 3])])
async def test_bytes_are_given_as_they_are(
    thread: ThreadPoolExecutor, order: str, layout: str, shape: list[int]
) -> None:
    content = embedder_models.flat("input", UINT8, ["n", *shape])
    model = load(thread, content, 192, colour_order=order, layout=layout, dtype="uint8", scale=1.0)
    ordered = [picture[..., ["RGB".index(name) for name in order]] for picture in PICTURES]
    expected = [(p if layout == "NHWC" else p.transpose(2, 0, 1)).ravel() for p in ordered]
    np.testing.assert_array_equal(await model.infer(PICTURES), expected)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("pooling", ["average", "max"])
async def test_pooling_is_over_the_spatial_axes(thread: ThreadPoolExecutor, layout: str, pooling: str) -> None:
    shape: list[int | str] = ["n", 3, 8, 8] if layout == "NCHW" else ["n", 8, 8, 3]
    ports: list[Port] = [("input", FLOAT, shape), ("map", FLOAT, shape)]
    content = network(node("Identity", ["input"], ["map"]), inputs=ports[:1], outputs=ports[1:])
    model = load(thread, content, 3, layout=layout, pooling=pooling, output_tensor="map", mean=MEANS, std=STDS)
    pool = np.mean if pooling == "average" else np.max
    expected = [pool(tensor(picture, "RGB", "NCHW"), axis=(1, 2)) for picture in PICTURES]
    np.testing.assert_allclose(await model.infer(PICTURES), expected, rtol=1e-5, atol=1e-5)


async def test_only_the_output_asked_for_is_read(thread: ThreadPoolExecutor) -> None:
    outputs: list[Port] = [("other", FLOAT, ["n", 3, 8, 8]), ("mean", FLOAT, ["n", 3])]
    content = network(node("Identity", ["input"], ["other"]), MEAN, outputs=outputs)
    model = load(thread, content, 3, output_tensor="mean")
    np.testing.assert_allclose(await model.infer(PICTURES), [p.mean((0, 1)) / 255 for p in PICTURES], rtol=1e-5)


class Announcing(ThreadPoolExecutor):
    """Says when it has begun on something, and goes on with what it began on first once `go_on` is set."""

    def __init__(self, go_on: threading.Event | None = None, threads: int = 1) -> None:
        super().__init__(threads)
        self.begun = threading.Event()
        self._go_on = go_on

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        def run() -> Any:
            first = not self.begun.is_set()
            self.begun.set()
            if self._go_on and first:
                self._go_on.wait(10)
            return fn(*args, **kwargs)

        return super().submit(run)


async def test_a_run_that_nobody_waits_for_ends() -> None:
    """There is one thread for runs: the second gets it only if the first, which would never end, lets it go."""
    with Announcing() as thread:
        model = load(thread, embedder_models.endless_on_black(), 3)
        running = asyncio.ensure_future(model.infer([np.zeros((8, 8, 3), np.uint8)]))
        assert await asyncio.to_thread(thread.begun.wait, 10)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        async with asyncio.timeout(10):
            assert (await model.infer(PICTURES)).shape == (5, 3)


async def test_the_weights_outlast_a_run_that_nobody_waits_for() -> None:
    """A model may be closed while a run that was cancelled still goes on."""
    hold = threading.Event()
    with Announcing(hold, threads=2) as thread:
        model = threaded(thread)
        kept = weakref.ref(model._sessions.weights)
        running = asyncio.ensure_future(model.infer(PICTURES))
        assert await asyncio.to_thread(thread.begun.wait, 10)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        model.close()
        await asyncio.wrap_future(thread.submit(int))  # the other thread has done by then what close() left to it
        assert not hasattr(model, "_sessions")
        assert kept() is not None
        hold.set()


def test_a_model_that_is_closed_gives_its_memory_back() -> None:
    """In a process of its own: 64 images of 160x160 in 64 channels take 400 MiB."""
    run = subprocess.run([sys.executable, "-c", CLOSING], capture_output=True, text=True, check=True)
    before, used, after = map(float, run.stdout.split())
    assert used > before + 400
    assert after < before + 100


CLOSING = """
import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
from embedder_service.model_card import ModelCard
from embedder_service.onnx_model import Engine, OnnxModel
from tests import embedder_models as models

side, channels = 160, 64
weights = np.ones((channels, 3, 3, 3), np.float32)
wide = models.node("Conv", ["input", "weights"], ["wide"], pads=[1] * 4)
mean = models.node("ReduceMean", ["wide"], ["feature"], axes=[2, 3], keepdims=0)
content = models.network(wide, mean, inputs=[("input", models.FLOAT, ["n", 3, side, side])], weights=weights)
card = ModelCard.model_validate(models.card("m", content, channels, input_width_px=side, input_height_px=side))


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


async def main():
    with ThreadPoolExecutor(1) as thread:
        model = OnnxModel(card, content, Engine(thread, threads=1, trial_seconds=10))
        print(resident())
        await model.infer([np.ones((side, side, 3), np.uint8)] * 64)
        print(resident())
        model.close()
    print(resident())


asyncio.run(main())
"""


def threaded(thread: ThreadPoolExecutor, threads: int = 3) -> OnnxModel:
    """A network whose 192 x 64 weights are large enough to be shared."""
    content = network(
        node("Flatten", ["input"], ["row"]),
        node("MatMul", ["row", "weights"], ["feature"]),
        weights=np.random.default_rng(0).normal(size=(192, 64)).astype(np.float32),
    )
    fields = embedder_models.card("m", content, 64)
    return OnnxModel(ModelCard.model_validate(fields), content, Engine(thread, threads, trial_seconds=10))


def test_a_run_that_is_alone_uses_every_thread_and_others_one(thread: ThreadPoolExecutor) -> None:
    sessions = threaded(thread)._sessions
    options = [session.get_session_options() for session in (sessions.alone, sessions.beside)]
    assert [(each.intra_op_num_threads, each.inter_op_num_threads) for each in options] == [(3, 1), (1, 1)]


async def test_both_sessions_read_the_same_weights_and_give_the_same(thread: ThreadPoolExecutor) -> None:
    """The graph's own file is gone by then, and the weights that were in it are mapped once."""
    model, plain = threaded(thread), threaded(thread, threads=1)
    weights = model._sessions.weights
    assert weights is not None
    assert weights.size >= 192 * 64 * 4
    assert plain._sessions.alone is plain._sessions.beside
    expected = await plain.infer(PICTURES)
    for alone in (True, False):
        np.testing.assert_allclose(await model.infer(PICTURES, alone=alone), expected, rtol=1e-4)


async def test_without_a_temporary_folder_one_session_serves_for_both(
    thread: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    model = threaded(thread)
    assert model._sessions.alone is model._sessions.beside
    assert (await model.infer(PICTURES)).shape == (5, 64)


def test_a_trial_has_a_time_limit(thread: ThreadPoolExecutor) -> None:
    content = embedder_models.endless()
    card = ModelCard.model_validate(embedder_models.card("m", content, 3))
    with pytest.raises(ModelUnusable, match="trial run failed"):
        OnnxModel(card, content, Engine(thread, threads=1, trial_seconds=0.05))
