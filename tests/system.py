"""The three services in this process, over real Milvus and Redis, spoken to as a caller would."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

import embedder_service.app
import gateway.app
import search_service.app
from embedder_service.settings import EmbedderSettings
from gateway.settings import GatewaySettings
from likeness.v1 import embedder_pb2_grpc, image_search_pb2_grpc, search_pb2_grpc
from search_service.settings import SearchSettings
from tests.pki import ADMIN, Folder
from tests.serving import Serving, serving

_MESSAGE_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class System:
    """A stub for each service, and the servers behind them."""

    gateway: Any
    search: Any
    embedder: Any
    servers: dict[str, Serving]


@asynccontextmanager
async def system(
    milvus_uri: str,
    redis_url: str,
    model_dirs: tuple[Path, ...] = (),
    *,
    secured: Folder | None = None,
    **embedder: Any,
) -> AsyncIterator[System]:
    """Run all three services: which Milvus, which Redis, which models and how secured is all that differs, as a rule.

    What is `secured` asks for certificates and tokens, and its stubs show an admin's.
    """
    listen: dict[str, Any] = {"port": 0, "health_port": 0, "metrics_port": 0, "drain_seconds": 0.0}
    peer: dict[str, Any] = {}
    if secured:
        listen |= {**secured.of_server(), "tokens_file": secured.tokens, "reload_seconds": 0.05, "reflection": True}
        peer = secured.of_peer()
    # A Milvus server is every suite's.
    search = SearchSettings(milvus_uri=milvus_uri, redis_url=redis_url, shared_milvus="://" in milvus_uri, **listen)
    async with (
        serving(
            embedder_service.app.build, EmbedderSettings(model_dirs=model_dirs, **listen, **embedder)
        ) as to_embedder,
        serving(search_service.app.build, search) as to_search,
        serving(
            gateway.app.build,
            GatewaySettings(embedder_address=to_embedder.address, search_address=to_search.address, **listen, **peer),
        ) as to_gateway,
    ):
        servers = {"gateway": to_gateway, "search": to_search, "embedder": to_embedder}
        for server in servers.values():
            await server.ready()
        async with (
            _channel(to_gateway, secured) as a,
            _channel(to_search, secured) as b,
            _channel(to_embedder, secured) as c,
        ):
            yield System(
                image_search_pb2_grpc.ImageSearchServiceStub(a),
                search_pb2_grpc.SearchServiceStub(b),
                embedder_pb2_grpc.EmbedderServiceStub(c),
                servers,
            )


def _channel(server: Serving, secured: Folder | None) -> grpc.aio.Channel:
    options = [("grpc.max_send_message_length", _MESSAGE_BYTES), ("grpc.max_receive_message_length", _MESSAGE_BYTES)]
    if secured is None:
        return grpc.aio.insecure_channel(server.address, options=options)
    return secured.channel(server.address, secured.client(), token=ADMIN, options=options)
