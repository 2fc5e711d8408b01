"""Puts the gateway together: the one file that names what it is made of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import grpc

from gateway.clients import EmbedderClient, SearchClient
from gateway.coordinator import Coordinator
from gateway.events import Bounds
from gateway.indexing import Indexer
from gateway.ingest import Ingest
from gateway.metrics import GatewayMetrics
from gateway.persistence import Patience, PersistentIndexer
from gateway.replay import ReplayingIndexer
from gateway.roles import ROLES
from gateway.servicer import ImageSearchServicer
from gateway.settings import GatewaySettings
from likeness.v1 import image_search_pb2_grpc
from servicekit import peers
from servicekit.certificates import Files
from servicekit.followed import Followed
from servicekit.observed import observed
from servicekit.peers import Identity
from servicekit.server import App, Service


@asynccontextmanager
async def build(settings: GatewaySettings) -> AsyncIterator[App]:
    """Connect to the two services and build the gateway over them.

    It has no checks: one that has lost a service still answers what does not need it, and says so for the rest.
    """
    metrics = GatewayMetrics()
    async with (
        _connected(settings, settings.embedder_address, settings.embedder_tls_name, metrics.files) as to_embedder,
        _connected(settings, settings.search_address, settings.search_tls_name, metrics.files) as to_search,
    ):
        timeouts = (settings.call_timeout_seconds, settings.long_call_timeout_seconds)
        embedder = observed(EmbedderClient(to_embedder, timeouts[0]), "embedder", metrics, {"embed": metrics.embedded})
        heard = {"check": metrics.checked, "find": metrics.found, "upsert": metrics.written}
        search = observed(SearchClient(to_search, *timeouts), "search", metrics, heard)
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
            ROLES,
        )
        yield App([service], draining=draining, metrics=metrics)


def _connected(
    settings: GatewaySettings, address: str, server_name: str, watched: Followed
) -> AbstractAsyncContextManager[grpc.aio.Channel]:
    files = Files(settings.peer_tls_ca_file, settings.peer_tls_cert_file, settings.peer_tls_key_file)
    identity = Identity(files, settings.peer_token_file, settings.reload_seconds)
    size = settings.transport_message_bytes
    return peers.connect(address, identity, max_message_bytes=size, server_name=server_name, files=watched)


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
