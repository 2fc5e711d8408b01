"""The embedder's composition root."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path

import grpc
import structlog

from embedder_service import cpus, providers, roles
from embedder_service.catalog import BUILT_IN, ModelFolders
from embedder_service.decode_pool import DecoderPool
from embedder_service.decode_worker import Allowance
from embedder_service.embedding import Embedder
from embedder_service.file_reader import FolderReader
from embedder_service.inference import open_inference_pb2, open_inference_pb2_grpc
from embedder_service.line import Bounds, Line
from embedder_service.metrics import EmbedderMetrics
from embedder_service.networks import ReachableNetworks
from embedder_service.onnx_model import Engine, OnnxModel, available_providers
from embedder_service.pictures import Limits
from embedder_service.ports import HttpReader, ImageDecoder
from embedder_service.reading import NoHttp, UriReading
from embedder_service.registry import Registry
from embedder_service.reloading import Reloader
from embedder_service.servicer import EmbedderServicer
from embedder_service.servicer_admin import ModelAdminServicer
from embedder_service.servicer_inference import InferenceServicer
from embedder_service.settings import EmbedderSettings
from embedder_service.stream import Streams, Window
from embedder_service.trial import Trial
from embedder_service.turnstile import Turnstile
from embedder_service.uris import AllowedPrefixes
from likeness.v1 import embedder_pb2, embedder_pb2_grpc, model_admin_pb2, model_admin_pb2_grpc
from servicekit.server import App, Service

_NAME = embedder_pb2.DESCRIPTOR.services_by_name["EmbedderService"].full_name
_INFERENCE = open_inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
_ADMIN = model_admin_pb2.DESCRIPTOR.services_by_name["ModelAdminService"].full_name
_GOLDEN_LIMITS = Limits(max_bytes=2**20, max_pixels=2**20, max_side_px=1024, max_jpeg_scans=1)
_GOLDEN_ALLOWANCE = Allowance(cpu_seconds=10.0, memory_bytes=1536 * 2**20)
_log = structlog.get_logger()


@asynccontextmanager
async def build(settings: EmbedderSettings) -> AsyncIterator[App]:
    """Load the models, and close the threads behind the last call.

    Raises:
        SystemExit: networks cannot run on what the settings name.
    """
    if problem := providers.problem(settings.provider, available_providers()):
        raise SystemExit(problem)
    processors = cpus.available()
    decoders = settings.decoders or processors
    runs = settings.concurrent_runs or processors
    run_threads = settings.run_threads or processors
    _log.info("processors", available=processors, decoders=decoders, runs=runs, run_threads=run_threads)
    metrics = EmbedderMetrics()
    metrics.threads(decode=decoders, inference=max(runs, run_threads))
    with (
        ThreadPoolExecutor(runs, "infer") as inferring,
        ThreadPoolExecutor(processors, "load") as loading,
        ThreadPoolExecutor(settings.uri_reads, "read") as reading,
    ):
        engine = Engine(inferring, run_threads, settings.trial_seconds, settings.provider, metrics)
        bounds = Bounds(settings.max_batch, settings.max_waiting_images, max_ahead=2 * runs + decoders)
        places = Turnstile(runs)
        registry = Registry({}, lambda model: Line(model, places, bounds, metrics))
        metrics.show(registry)
        async with (
            DecoderPool.open(
                decoders, _limits(settings), _allowance(settings), settings.extra_formats, observer=metrics
            ) as decoder,
            _uris(settings, reading) as reader,
        ):
            folders = ModelFolders(
                _repositories(settings),
                partial(OnnxModel, engine=engine),
                _trial(settings),
                _golden_decoder,
                loading,
                golden_seconds=settings.trial_seconds,
            )
            async with _kept_in_step(Reloader(folders, registry), registry) as reloader:
                yield _app(settings, Embedder(registry, decoder, reader), registry, reloader, metrics)


def _app(
    settings: EmbedderSettings, embedder: Embedder, registry: Registry, reloader: Reloader, metrics: EmbedderMetrics
) -> App:
    draining = asyncio.Event()
    streams = Streams(embedder, Window(settings.stream_window_images, settings.stream_window_bytes), draining)
    servicer = EmbedderServicer(embedder, streams, registry)
    return App(
        services=[
            Service(_NAME, partial(embedder_pb2_grpc.add_EmbedderServiceServicer_to_server, servicer), roles.EMBEDDER),
            Service(_INFERENCE, partial(_register_inference, embedder, registry), roles.INFERENCE),
            Service(_ADMIN, partial(_register_admin, reloader), roles.MODEL_ADMIN),
        ],
        checks=[registry],
        parts=lambda: {f"{_NAME}/{name}": served for name, served in reloader.parts().items()},
        draining=draining,
        reload=reloader.reload,
        metrics=metrics,
    )


@asynccontextmanager
async def _kept_in_step(reloader: Reloader, registry: Registry) -> AsyncIterator[Reloader]:
    try:
        await reloader.reload()
        yield reloader
    finally:
        await reloader.close()
        await registry.close()


@asynccontextmanager
async def _uris(settings: EmbedderSettings, threads: Executor) -> AsyncIterator[UriReading]:
    prefixes = AllowedPrefixes(settings.uri_prefixes)
    files = FolderReader(threads, prefixes.folders, settings.max_image_bytes)
    async with _http(settings) if prefixes.lead_outside else nullcontext(NoHttp()) as http:
        seconds = settings.uri_timeout_seconds
        yield UriReading(prefixes, files, http, at_once=settings.uri_reads, timeout_seconds=seconds)


@asynccontextmanager
async def _http(settings: EmbedderSettings) -> AsyncIterator[HttpReader]:
    from embedder_service.http_reader import AiohttpReader  # noqa: PLC0415 8 MB for those alone who allow it

    networks, max_bytes = ReachableNetworks(settings.uri_networks), settings.max_image_bytes
    async with AiohttpReader.open(networks.allow, max_bytes=max_bytes, ca_file=settings.uri_ca_file) as http:
        yield http


@asynccontextmanager
async def _golden_decoder() -> AsyncIterator[ImageDecoder]:
    """Decode pictures of our own, which no limit on callers' pictures is meant for; the first one starts a process."""
    pool = DecoderPool(1, _GOLDEN_LIMITS, _GOLDEN_ALLOWANCE)
    try:
        yield pool
    finally:
        await pool.close()


def _trial(settings: EmbedderSettings) -> Trial:
    return Trial(settings.trial_seconds, settings.trial_memory_bytes)


def _allowance(settings: EmbedderSettings) -> Allowance:
    return Allowance(cpu_seconds=settings.decode_cpu_seconds, memory_bytes=settings.decode_memory_bytes)


def _repositories(settings: EmbedderSettings) -> list[Path]:
    return [*([BUILT_IN] if settings.built_in_models else []), *settings.model_dirs]


def _limits(settings: EmbedderSettings) -> Limits:
    return Limits(
        max_bytes=settings.max_image_bytes,
        max_pixels=settings.max_image_pixels,
        max_side_px=settings.max_image_side_px,
        max_jpeg_scans=settings.max_jpeg_scans,
    )


def _register_inference(embedder: Embedder, registry: Registry, server: grpc.aio.Server) -> None:
    open_inference_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(InferenceServicer(embedder, registry), server)


def _register_admin(reloader: Reloader, server: grpc.aio.Server) -> None:
    model_admin_pb2_grpc.add_ModelAdminServiceServicer_to_server(ModelAdminServicer(reloader), server)
