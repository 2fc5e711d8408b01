"""Puts the gateway together: the one file that names what it is made of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.clients import EmbedderClient, SearchClient
from gateway.coordinator import Coordinator
from gateway.events import Bounds
from gateway.indexing import Indexer
from gateway.ingest import Ingest
from gateway.persistence import Patience, PersistentIndexer
from gateway.replay import ReplayingIndexer
from gateway.servicer import ImageSearchServicer
from gateway.settings import GatewaySettings
from likeness.v1 import image_search_pb2_grpc
from servicekit import channel
from servicekit.server import App, Service


@asynccontextmanager
async def build(settings: GatewaySettings) -> AsyncIterator[App]:
    """Connect to the two services and build the gateway over them.

    It has no checks: one that has lost a service still answers what does not need it, and says so for the rest.
    """
    config = channel.service_config("likeness.v1", "likeness_grpc_service_config.json")
    size = settings.max_message_bytes
    async with (
        channel.connect(settings.embedder_address, max_message_bytes=size, service_config=config) as to_embedder,
        channel.connect(settings.search_address, max_message_bytes=size, service_config=config) as to_search,
    ):
        embedder = EmbedderClient(to_embedder, settings.call_timeout_seconds)
        search = SearchClient(to_search, settings.call_timeout_seconds, settings.long_call_timeout_seconds)
        indexer = Indexer(embedder, search)
        draining = asyncio.Event()
        servicer = ImageSearchServicer(
            Coordinator(embedder, search),
            ReplayingIndexer(indexer, search),
            _ingest(indexer, settings, draining),
            embedder,
            search,
        )
        service = Service(
            "likeness.v1.ImageSearchService",
            lambda server: image_search_pb2_grpc.add_ImageSearchServiceServicer_to_server(servicer, server),
        )
        yield App([service], draining=draining)


def _ingest(indexer: Indexer, settings: GatewaySettings, draining: asyncio.Event) -> Ingest:
    patience = Patience(settings.ingest_attempt_seconds, settings.ingest_patience_seconds)
    bounds = Bounds(
        batch_images=settings.ingest_batch_images,
        batch_bytes=settings.ingest_batch_bytes,
        window_images=settings.ingest_window_images,
        window_bytes=settings.ingest_window_bytes,
        linger_seconds=settings.ingest_linger_seconds,
    )
    return Ingest(PersistentIndexer(indexer, patience), bounds, batches=settings.ingest_batches, draining=draining)
