"""Models as the embedder runs them, for the tools: the one place that names its adapters."""

from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import numpy as np

from embedder_service import cpus, golden, model_folder
from embedder_service.decode_pool import DecoderPool
from embedder_service.decode_worker import Allowance
from embedder_service.model_card import ModelCard
from embedder_service.model_tools.errors import ToolError
from embedder_service.onnx_model import Engine, OnnxModel
from embedder_service.pictures import Limits
from embedder_service.ports import ImageDecoder, Model, ModelUnusable, Vectors

_LIMITS = Limits(max_bytes=2**28, max_pixels=2**28, max_side_px=65_535, max_jpeg_scans=1000)
_ALLOWANCE = Allowance(cpu_seconds=60.0, memory_bytes=2**33)
_TRIAL_SECONDS = 600.0
# A batch may be summed in another order than one picture.
_SAME = 0.99999


class Workbench:
    """Loads models and gives them pictures. Every method raises ToolError where the embedder would refuse a model."""

    def __init__(self, executor: ThreadPoolExecutor, threads: int, decoder: ImageDecoder) -> None:
        self.decoder = decoder
        self._load = partial(OnnxModel, engine=Engine(executor, threads, _TRIAL_SECONDS))

    def read(self, folder: Path) -> model_folder.ModelFiles:
        """Return what a folder holds."""
        try:
            return model_folder.read(folder)
        except ModelUnusable as problem:
            raise ToolError(f"{folder}: {problem}") from None

    def load(self, card: ModelCard, content: bytes) -> Model:
        """Load a network and try it."""
        try:
            return self._load(card, content)
        except ModelUnusable as problem:
            raise ToolError(f"{card.name}: {problem}") from None

    async def golden_vectors(self, model: Model) -> Vectors:
        """Return a model's golden vectors, made here; those of a batch must be those of its pictures alone."""
        together = await golden.vectors(model, self.decoder)
        alone = await golden.vectors(model, self.decoder, at_once=1)
        worst = float((together.astype(np.float64) * alone).sum(axis=1).min())
        if not worst >= _SAME:
            problem = f"a picture has another vector in a batch than alone (cosine {worst:.6f})"
            raise ToolError(f"{model.card.name}: the graph does not keep the pictures of a batch apart: {problem}")
        return together

    async def check(self, model: Model, expected: golden.Golden) -> float:
        """Hold a model against its golden vectors; return the least cosine with them."""
        try:
            return await golden.check(model, self.decoder, expected, _TRIAL_SECONDS)
        except ModelUnusable as problem:
            raise ToolError(f"{model.card.name}: {problem}") from None


@asynccontextmanager
async def opened(threads: int = 0) -> AsyncIterator[Workbench]:
    """Open a workbench whose networks run on that many threads; 0: one a processor."""
    processors = threads or cpus.available()
    async with DecoderPool.open(processors, _LIMITS, _ALLOWANCE, ("TIFF", "AVIF")) as decoder:
        with ThreadPoolExecutor(processors, "workbench") as executor:
            yield Workbench(executor, processors, decoder)
