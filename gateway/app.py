"""Puts the gateway together: the one file that names what it is made of."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.clients import EmbedderClient, SearchClient
from gateway.coordinator import Coordinator
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
    size = settings.transport_message_bytes
    async with (
        channel.connect(settings.embedder_address, max_message_bytes=size) as to_embedder,
        channel.connect(settings.search_address, max_message_bytes=size) as to_search,
    ):
        embedder = EmbedderClient(to_embedder, settings.call_timeout_seconds)
        search = SearchClient(to_search, settings.call_timeout_seconds)
        servicer = ImageSearchServicer(Coordinator(embedder, search), embedder, search)
        service = Service(
            "likeness.v1.ImageSearchService",
            lambda server: image_search_pb2_grpc.add_ImageSearchServiceServicer_to_server(servicer, server),
        )
        yield App([service])
