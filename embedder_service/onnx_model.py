"""ONNX Runtime: networks are loaded, tried and run."""

import asyncio
import os
import threading
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import onnxruntime as ort

from embedder_service.model_card import ModelCard, Preprocessing
from embedder_service.ports import Model, ModelUnusable, Pixels, Vectors
from embedder_service.tensors import InputBuilder, pool

_TENSOR_TYPES = {"float32": "tensor(float)", "uint8": "tensor(uint8)"}
_LOG_NOTHING = 4
_TRIAL_IMAGES = 2
# Far below what any network gives, and far above what single precision makes of zero.
_MIN_LENGTH = 1e-6


@dataclass(frozen=True, slots=True)
class Engine:
    """How networks are run."""

    executor: Executor
    threads: int
    """For one run of one network."""
    max_batch: int
    """Pictures in one run: what its memory is bounded by."""
    trial_seconds: float
    """Time that a network may take over its first two pictures."""


class OnnxModel(Model):
    """A network in a session of its own.

    Raises:
        ModelUnusable: the file, or what the card says of it, is wrong.
    """

    def __init__(self, card: ModelCard, content: bytes, engine: Engine) -> None:
        self._card = card
        self._engine = engine
        self._session = _session(content, engine.threads)
        self._input = InputBuilder(card.preprocessing)
        _check_graph(self._session, card.preprocessing, self._input.shape)
        self._input_name = self._session.get_inputs()[0].name
        self._try()

    @property
    def card(self) -> ModelCard:
        """See Model."""
        return self._card

    async def infer(self, images: Sequence[Pixels]) -> Vectors:
        """See Model."""
        size = self._engine.max_batch
        batches = [images[start : start + size] for start in range(0, len(images), size)]
        return np.concatenate([await self._infer(batch) for batch in batches])

    async def close(self) -> None:
        """See Model."""
        del self._session

    async def _infer(self, batch: Sequence[Pixels]) -> Vectors:
        options = ort.RunOptions()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._engine.executor, self._run, batch, options)
        except asyncio.CancelledError:
            # Nobody waits for the run any more; it ends between two nodes of the graph.
            options.terminate = True
            raise

    def _run(self, batch: Sequence[Pixels], options: ort.RunOptions) -> Vectors:
        feed = {self._input_name: self._input.build(batch)}
        (output,) = self._session.run([self._card.preprocessing.output_tensor], feed, options)
        return pool(output, self._card.preprocessing)

    def _try(self) -> None:
        """Run the network on noise: two pictures, for a graph that takes only one must not pass."""
        height, width = self._card.preprocessing.input_height_px, self._card.preprocessing.input_width_px
        noise = np.random.default_rng(0).integers(0, 256, (_TRIAL_IMAGES, height, width, 3), np.uint8)
        options = ort.RunOptions()
        timer = threading.Timer(self._engine.trial_seconds, _terminate, [options])
        timer.start()
        try:
            vectors = self._run(list(noise), options)
        except Exception as error:  # noqa: BLE001 whatever ONNX Runtime raises, the model does not work
            raise ModelUnusable(f"its trial run failed: {_first_line(error)}") from None
        finally:
            timer.cancel()
        _check_vectors(vectors, self._card.dimension)


def try_network(card: ModelCard, content: bytes) -> None:
    """Load a network and run it once, on one thread: what a trial in a process of its own does.

    Raises:
        ModelUnusable: it cannot be served.
    """
    with ThreadPoolExecutor(1) as executor:
        OnnxModel(
            card, content, Engine(executor, threads=1, max_batch=_TRIAL_IMAGES, trial_seconds=threading.TIMEOUT_MAX)
        )


def _session(content: bytes, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _LOG_NOTHING
    # Threads that spin while they wait take the processors from other runs, and from decoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Weights outside the file are not in its hash. ONNX Runtime would look for them in the working directory; nothing
    # can lie in this folder, and it refuses whatever leads out of it.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    try:
        session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # noqa: BLE001 it raises a class of its own for each of its codes, and others
        raise ModelUnusable(f"ONNX Runtime does not load model.onnx: {_first_line(error)}") from None
    session._model_bytes = None  # noqa: SLF001 it would keep the whole file in memory for a fallback that has no use here
    return session


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _terminate(options: ort.RunOptions) -> None:
    options.terminate = True


def _check_graph(session: ort.InferenceSession, preprocessing: Preprocessing, shape: Sequence[int]) -> None:
    """Compare what the graph declares with what the card says; names and None stand for sizes that are free."""
    inputs = session.get_inputs()
    if len(inputs) != 1:
        raise ModelUnusable(f"the graph has {len(inputs)} inputs; one is wanted")
    batch, *sizes = inputs[0].shape or [0]
    if isinstance(batch, int):
        raise ModelUnusable(f"the first axis of the graph's input is fixed, at {batch}; it must be free, for batches")
    if len(sizes) != len(shape) or any(isinstance(s, int) and s != w for s, w in zip(sizes, shape, strict=True)):
        raise ModelUnusable(f"the graph's input has shape {inputs[0].shape}, and model.toml makes it {list(shape)}")
    if inputs[0].type != _TENSOR_TYPES[preprocessing.dtype]:
        raise ModelUnusable(f"the graph's input is a {inputs[0].type}, and model.toml says {preprocessing.dtype}")
    outputs = [output.name for output in session.get_outputs()]
    if preprocessing.output_tensor not in outputs:
        raise ModelUnusable(f"the graph has no output {preprocessing.output_tensor!r}; it has {outputs}")


def _check_vectors(vectors: Vectors, dimension: int) -> None:
    if vectors.shape != (_TRIAL_IMAGES, dimension):
        found = f"{list(vectors.shape)} for {_TRIAL_IMAGES} pictures"
        raise ModelUnusable(f"its trial run gave {found}, and model.toml says dimension = {dimension}")
    if not np.isfinite(vectors).all():
        raise ModelUnusable("its trial run gave numbers that are infinite or not numbers")
    if np.linalg.norm(vectors, axis=1).min() <= _MIN_LENGTH:
        raise ModelUnusable("its trial run gave a vector of length zero")
