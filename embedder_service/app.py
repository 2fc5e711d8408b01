"""The embedder's composition root."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import structlog

from embedder_service import catalog, cpus
from embedder_service.decode_pool import DecoderPool
from embedder_service.decode_worker import Allowance
from embedder_service.embedding import Embedder
from embedder_service.line import Bounds, Line
from embedder_service.onnx_model import Engine, OnnxModel
from embedder_service.pictures import Limits
from embedder_service.ports import Observer
from embedder_service.registry import Registry
from embedder_service.servicer import EmbedderServicer
from embedder_service.settings import EmbedderSettings
from embedder_service.stream import Streams, Window
from embedder_service.turnstile import Turnstile
from likeness.v1 import embedder_pb2, embedder_pb2_grpc
from servicekit.server import App, Service

_NAME = embedder_pb2.DESCRIPTOR.services_by_name["EmbedderService"].full_name
_log = structlog.get_logger()


@asynccontextmanager
async def build(settings: EmbedderSettings) -> AsyncIterator[App]:
    """Load the models, and close the threads behind the last call."""
    processors = cpus.available()
    decoders = settings.decoders or processors
    runs = settings.concurrent_runs or processors
    run_threads = settings.run_threads or processors
    _log.info("processors", available=processors, decoders=decoders, runs=runs, run_threads=run_threads)
    observer = Observer()
    async with DecoderPool.open(
        decoders, _limits(settings), _allowance(settings), settings.extra_formats, observer=observer
    ) as decoder:
        with ThreadPoolExecutor(runs, "infer") as inferring:
            engine = Engine(inferring, run_threads, settings.trial_seconds)
            models = await asyncio.to_thread(catalog.load, _repositories(settings), partial(OnnxModel, engine=engine))
            bounds = Bounds(settings.max_batch, settings.max_waiting_images, max_ahead=2 * runs + decoders)
            places = Turnstile(runs)
            registry = Registry(models.models, lambda model: Line(model, places, bounds, observer))
            embedder, draining = Embedder(registry, decoder), asyncio.Event()
            window = Window(settings.stream_window_images, settings.stream_window_bytes)
            servicer = EmbedderServicer(embedder, Streams(embedder, window, draining), registry)
            yield App(
                services=[Service(_NAME, partial(embedder_pb2_grpc.add_EmbedderServiceServicer_to_server, servicer))],
                checks=[registry],
                unusable=[f"{_NAME}/{name}" for name in models.refused],
                draining=draining,
            )


def _allowance(settings: EmbedderSettings) -> Allowance:
    return Allowance(cpu_seconds=settings.decode_cpu_seconds, memory_bytes=settings.decode_memory_bytes)


def _repositories(settings: EmbedderSettings) -> list[Path]:
    return [*([catalog.BUILT_IN] if settings.built_in_models else []), *settings.model_dirs]


def _limits(settings: EmbedderSettings) -> Limits:
    return Limits(
        max_bytes=settings.max_image_bytes,
        max_pixels=settings.max_image_pixels,
        max_side_px=settings.max_image_side_px,
        max_jpeg_scans=settings.max_jpeg_scans,
    )
