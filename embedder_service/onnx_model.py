"""ONNX Runtime: networks are loaded, tried and run."""

import asyncio
import ctypes
import mmap
import os
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import structlog

from embedder_service import providers
from embedder_service.faults import first_line
from embedder_service.model_card import ModelCard, Preprocessing
from embedder_service.ports import Model, ModelUnusable, Observer, Pixels, Vectors
from embedder_service.tensors import InputBuilder, pool

_TENSOR_TYPES = {"float32": "tensor(float)", "uint8": "tensor(uint8)"}
_LOG_NOTHING = 4
# Threads of a run wait so long, busily, for the next node of the graph: being woken would take them longer, for light
# networks as long again as the whole run. Much longer, and they would take the processors from other work.
_SPIN_MICROSECONDS = "300"
_GRAPH, _WEIGHTS = "optimised.onnx", "weights"
_TRIAL_IMAGES = 2
# Far below what any network gives, and far above what single precision makes of zero.
_MIN_LENGTH = 1e-6
_log = structlog.get_logger()


def _share_arena() -> None:
    """Have the sessions of all models take their tensors from one place: what one run lets go of, the next one takes.

    It grows by what is asked for (1), not by twice as much as the last time.
    """
    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    ort.create_and_register_allocator(memory, ort.OrtArenaCfg({"arena_extend_strategy": 1}))


# Here, since a process may do it once.
_share_arena()


@dataclass(frozen=True, slots=True)
class Engine:
    """How networks are run."""

    executor: Executor
    threads: int
    """For a run that is alone."""
    trial_seconds: float
    """Time that a network may take over its first two pictures."""
    provider: str = providers.CPU
    """What it runs on, by a name of `providers`."""
    observer: Observer = field(default_factory=Observer)
    """Is told how long tensors take."""


class OnnxModel(Model):
    """A network in two sessions that share its weights: one for runs that are alone, one for runs side by side.

    Raises:
        ModelUnusable: the file, or what the card says of it, is wrong.
    """

    def __init__(self, card: ModelCard, content: bytes, engine: Engine) -> None:
        self._card = card
        self._engine = engine
        self._sessions = _sessions(content, engine)
        self._input = InputBuilder(card.preprocessing)
        _check_graph(self._sessions.alone, card.preprocessing, self._input.shape)
        self._input_name = self._sessions.alone.get_inputs()[0].name
        self._try()
        _give_memory_back()

    @property
    def card(self) -> ModelCard:
        """See Model."""
        return self._card

    def infer(self, images: Sequence[Pixels], *, alone: bool = True) -> "asyncio.Future[Vectors]":
        """See Model."""
        options = ort.RunOptions()
        run = partial(self._run, self._sessions, images, options, alone=alone)
        vectors = asyncio.get_running_loop().run_in_executor(self._engine.executor, run)
        vectors.add_done_callback(partial(_end_if_cancelled, options))
        return vectors

    def close(self) -> None:
        """See Model."""
        self._engine.executor.submit(self._empty)

    def _empty(self) -> None:
        """Have the arena give back what it keeps, which it does at the end of a run, and let go of the rest."""
        with suppress(Exception):
            self._run(self._sessions, [self._noise()[0]], _emptying(), alone=False)
        del self._sessions
        _give_memory_back()

    def _run(
        self, sessions: "_Sessions", batch: Sequence[Pixels], options: ort.RunOptions, *, alone: bool = True
    ) -> Vectors:
        """Hold all of `sessions` to the end: a run that was cancelled may outlast close(), and reads the weights."""
        began = time.monotonic()
        feed = {self._input_name: self._input.build(batch)}
        self._engine.observer.prepared(self._card.name, time.monotonic() - began)
        session = sessions.alone if alone else sessions.beside
        (output,) = session.run([self._card.preprocessing.output_tensor], feed, options)
        return pool(output, self._card.preprocessing)

    def _noise(self) -> npt.NDArray[np.uint8]:
        height, width = self._card.preprocessing.input_height_px, self._card.preprocessing.input_width_px
        return np.random.default_rng(0).integers(0, 256, (_TRIAL_IMAGES, height, width, 3), np.uint8)

    def _try(self) -> None:
        """Run the network on noise: two pictures, for a graph that takes only one must not pass."""
        options = _emptying()
        timer = threading.Timer(self._engine.trial_seconds, _terminate, [options])
        timer.start()
        try:
            vectors = self._run(self._sessions, list(self._noise()), options)
        except Exception as error:  # noqa: BLE001 whatever ONNX Runtime raises, the model does not work
            raise ModelUnusable(f"its trial run failed: {first_line(error)}") from None
        finally:
            timer.cancel()
        _check_vectors(vectors, self._card.dimension)


def available_providers() -> list[str]:
    """Return what the ONNX Runtime that is installed can run networks on, by its own names."""
    return list(ort.get_available_providers())


def try_network(card: ModelCard, content: bytes) -> None:
    """Load a network and run it once, on one thread: what a trial in a process of its own does.

    Raises:
        ModelUnusable: it cannot be served.
    """
    with ThreadPoolExecutor(1) as executor:
        OnnxModel(card, content, Engine(executor, threads=1, trial_seconds=threading.TIMEOUT_MAX))


@dataclass(frozen=True, slots=True)
class _Sessions:
    """One network, loaded for two ways to run it."""

    alone: ort.InferenceSession
    """On several threads."""
    beside: ort.InferenceSession
    """On one thread: side by side such runs take less of the processors than runs that share a pool of threads."""
    weights: npt.NDArray[np.uint8] | None = None
    """What the sessions read their weights from, for as long as they live."""


def _sessions(content: bytes, engine: Engine) -> _Sessions:
    if engine.threads > 1 and engine.provider == providers.CPU:
        try:
            return _sharing(content, engine.threads)
        except (OSError, ModelUnusable) as problem:
            _log.warning("sessions do not share their weights: one serves for all", problem=str(problem))
    session = _session(content, _options(engine.threads), engine.provider)
    return _Sessions(session, session)


def _sharing(content: bytes, threads: int) -> _Sessions:
    """Have ONNX Runtime optimise the graph once and write it, weights apart, to files that are gone when this returns.

    The weights are mapped: both sessions use the same pages, which the system may drop and read again.
    """
    with tempfile.TemporaryDirectory(prefix="likeness-") as folder:
        options = _options(threads)
        options.optimized_model_filepath = f"{folder}/{_GRAPH}"
        options.add_session_config_entry("session.optimized_model_external_initializers_file_name", _WEIGHTS)
        options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
        options.add_session_config_entry("session.save_external_prepacked_constant_initializers", "1")
        _session(content, options)
        graph, weights = Path(folder, _GRAPH).read_bytes(), _mapped(Path(folder, _WEIGHTS))
    alone, beside = (_session(graph, _of_optimised(count, weights)) for count in (threads, 1))
    return _Sessions(alone, beside, weights)


def _mapped(path: Path) -> npt.NDArray[np.uint8]:
    """Return a file's bytes; none for a file that is not there, since the graph has no large weights."""
    if not path.exists():
        return np.empty(0, np.uint8)
    with path.open("rb") as file:
        return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)


def _of_optimised(threads: int, weights: npt.NDArray[np.uint8]) -> ort.SessionOptions:
    options = _options(threads)
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    if weights.size:
        options.add_session_config_entry("session.use_external_initializer_file_buffers_directly", "1")
        options.add_external_initializers_from_files_in_memory([_WEIGHTS], [weights], [weights.size])
    return options


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _LOG_NOTHING
    options.add_session_config_entry("session.intra_op.spin_duration_us", _SPIN_MICROSECONDS)
    options.add_session_config_entry("session.use_env_allocators", "1")
    # Weights outside the file are not in its hash. ONNX Runtime would look for them in the working directory; nothing
    # can lie in this folder, and it refuses whatever leads out of it.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    return options


def _session(content: bytes, options: ort.SessionOptions, provider: str = providers.CPU) -> ort.InferenceSession:
    names = providers.names(provider)
    try:
        session = ort.InferenceSession(content, options, providers=names)
    except Exception as error:  # noqa: BLE001 it raises a class of its own for each of its codes, and others
        raise ModelUnusable(f"ONNX Runtime does not load model.onnx: {first_line(error)}") from None
    if session.get_providers()[0] != names[0]:
        raise ModelUnusable(
            f"ONNX Runtime does not run it on {provider}, whose libraries or device it does not find here"
        )
    session._model_bytes = None  # noqa: SLF001 it would keep the whole file in memory for a fallback that has no use here
    return session


def _give_memory_back() -> None:
    """Return what loading or closing has freed to the system: the C library would keep twice the size of the file."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of the GNU library alone
    if trim:
        trim(0)


def _emptying() -> ort.RunOptions:
    """Return options of a run at whose end the arena gives back what no other run holds."""
    options = ort.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def _terminate(options: ort.RunOptions) -> None:
    options.terminate = True


def _end_if_cancelled(options: ort.RunOptions, vectors: "asyncio.Future[Vectors]") -> None:
    """End a run that nobody waits for any more: between two nodes of the graph."""
    if vectors.cancelled():
        _terminate(options)


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
