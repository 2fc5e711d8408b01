"""Puts the search service together: the one file that names what it is made of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from likeness.v1 import search_pb2_grpc
from search_service.catalogue import Catalogue
from search_service.images import Images
from search_service.index import Index
from search_service.lite_server import LiteServer
from search_service.milvus_access import MilvusAccess
from search_service.milvus_store import MilvusVectorStore
from search_service.redis_store import RedisRecordStore
from search_service.servicer import SearchServicer
from search_service.settings import SearchSettings
from search_service.sweep import Sweeper
from search_service.writer import Writer
from servicekit.server import App, Service


@asynccontextmanager
async def build(settings: SearchSettings) -> AsyncIterator[App]:
    """Open Milvus and Redis and build the service over them; close all in reverse."""
    async with AsyncExitStack() as stack:
        vectors = await _vectors(stack, settings)
        records = await stack.enter_async_context(
            RedisRecordStore.open(
                settings.redis_url,
                password=settings.redis_password.get_secret_value(),
                timeout_seconds=settings.redis_timeout_seconds,
                max_connections=settings.redis_connections,
            )
        )
        sweeper = Sweeper(
            records,
            vectors,
            interval_seconds=settings.sweep_interval_seconds,
            retention_seconds=settings.sweep_retention_seconds,
            horizon_seconds=settings.write_horizon_seconds,
        )
        servicer = SearchServicer(
            Catalogue(records, vectors),
            Writer(records, vectors, write_timeout_seconds=settings.write_timeout_seconds),
            Images(records),
            Index(records, vectors, fusion_depth=settings.fusion_depth, margin=settings.search_margin),
        )
        await stack.enter_async_context(_running(sweeper))
        service = Service(
            "likeness.v1.SearchService",
            lambda server: search_pb2_grpc.add_SearchServiceServicer_to_server(servicer, server),
        )
        yield App([service], checks=[records, vectors])


async def _vectors(stack: AsyncExitStack, settings: SearchSettings) -> MilvusVectorStore:
    uri, flavour = settings.milvus_uri, "server"
    lite: LiteServer | None = None
    if settings.lite_file is not None:
        lite = await asyncio.to_thread(stack.enter_context, LiteServer.open(settings.lite_file))
        uri, flavour = lite.uri, "lite"
    return await stack.enter_async_context(
        MilvusVectorStore.open(
            uri,
            access=_access(settings),
            flavour=flavour,
            threads=settings.milvus_threads,
            timeout_seconds=settings.milvus_timeout_seconds,
            ensure=lite.ensure if lite else lambda: None,
        )
    )


def _access(settings: SearchSettings) -> MilvusAccess:
    return MilvusAccess(
        token=settings.milvus_token.get_secret_value(),
        database=settings.milvus_database,
        ca_file=settings.milvus_tls_ca_file,
        cert_file=settings.milvus_tls_cert_file,
        key_file=settings.milvus_tls_key_file,
        server_name=settings.milvus_tls_server_name,
    )


@asynccontextmanager
async def _running(sweeper: Sweeper) -> AsyncIterator[None]:
    task = asyncio.create_task(sweeper.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
