"""What the embedder is held against, in one process and without a network: run by a process of its own."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import cycle
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from PIL import Image

from benchmarks import pictures
from tests.embedder_models import IMAGENET

_SIDE = 224
_WARM = 3
# Threads of a run, runs at once, images in a run.
SHAPES = ((2, 1, 1), (1, 2, 1), (1, 2, 4), (2, 1, 8), (2, 2, 1))


@cache
def _session(network: Path, threads: int) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # As in the embedder.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "300")
    return ort.InferenceSession(network, options, providers=["CPUExecutionProvider"])


def _run(session: ort.InferenceSession, tensor: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    (vectors,) = session.run(["feature"], {"input": tensor})
    return np.asarray(vectors)


def _tensor(photograph: bytes) -> npt.NDArray[np.float32]:
    """Return what the networks take, as their users write it down."""
    picture = Image.open(BytesIO(photograph)).convert("RGB")
    scale = 256 / min(picture.size)
    picture = picture.resize((int(picture.width * scale), int(picture.height * scale)), Image.Resampling.BILINEAR)
    left, top = round((picture.width - _SIDE) / 2), round((picture.height - _SIDE) / 2)
    pixels = np.asarray(picture.crop((left, top, left + _SIDE, top + _SIDE)), np.float32) / 255
    normal = (pixels - np.float32(IMAGENET["mean"])) / np.float32(IMAGENET["std"])
    return np.ascontiguousarray(normal.transpose(2, 0, 1)[None])


@dataclass(frozen=True)
class Contestant:
    """One network and the photographs."""

    network: Path
    photographs: Path

    def runs(self, shape: Sequence[int], seconds: float) -> float:
        """Return images a second of session.run alone on ready tensors."""
        threads, at_once, batch = shape
        session, ready = _session(self.network, threads), np.zeros((batch, 3, _SIDE, _SIDE), np.float32)
        return _rate(lambda _: _run(session, ready), [b""], at_once, seconds) * batch

    def pipeline(self, shape: Sequence[int], seconds: float) -> float:
        """Return images a second of Pillow, numpy and session.run in threads."""
        threads, at_once, _ = shape
        session = _session(self.network, threads)
        return _rate(lambda photo: _run(session, _tensor(photo)), self._photographs(), at_once, seconds)

    def lone(self, threads: int, count: int) -> list[float]:
        """Return the seconds of each of `count` images through the pipeline, one after the other."""
        session, photographs = _session(self.network, threads), cycle(self._photographs())
        return [_timed(lambda: _run(session, _tensor(next(photographs)))) for _ in range(count + _WARM)][_WARM:]

    def article(self, seconds: float) -> float:
        """Return images a second of the article's script, which makes a session for each image."""

        def embed(photo: bytes) -> object:
            return _run(ort.InferenceSession(self.network, providers=["CPUExecutionProvider"]), _tensor(photo))

        return _rate(embed, self._photographs(), 1, seconds)

    def _photographs(self) -> list[bytes]:
        return read(self.photographs)


@cache
def read(directory: Path) -> list[bytes]:
    return pictures.read(directory)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _rate(work: Callable[[bytes], object], photographs: Sequence[bytes], at_once: int, seconds: float) -> float:
    """Do the work in so many threads for some seconds, and return how often it was done a second."""
    work(photographs[0])

    def one(start: int) -> int:
        done = 0
        for photo in cycle([*photographs[start:], *photographs[:start]]):
            work(photo)
            done += 1
            if time.perf_counter() >= end:
                return done
        return done

    started = time.perf_counter()
    end = started + seconds
    with ThreadPoolExecutor(at_once) as threads:
        done = sum(threads.map(one, range(at_once)))
    return done / (time.perf_counter() - started)
