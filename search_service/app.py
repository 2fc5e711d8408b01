"""Puts the search service together: the one file that names what it is made of."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from likeness.v1 import maintenance_pb2_grpc, search_pb2_grpc
from search_service import roles
from search_service.answers import Answers
from search_service.catalogue import Catalogue
from search_service.contents import Contents
from search_service.duplicates import Duplicates
from search_service.evaluation import Evaluator
from search_service.guard import Guard
from search_service.images import Images
from search_service.index import Index
from search_service.lease import Lease
from search_service.lite_server import LiteServer
from search_service.metrics import SearchMetrics
from search_service.milvus_access import MilvusAccess
from search_service.milvus_store import MilvusVectorStore
from search_service.model_change import ModelChanges
from search_service.rebuild import Rebuilder
from search_service.reconcile import Reconciler
from search_service.recorder import Recorder
from search_service.redis_calls import Replication
from search_service.redis_store import RedisRecordStore
from search_service.servicer import SearchServicer
from search_service.servicer_maintenance import MaintenanceServicer
from search_service.settings import FAILPOINTS, SearchSettings
from search_service.steps import RECORD_STEPS, VECTOR_STEPS
from search_service.survey import Survey
from search_service.sweep import Sweeper
from search_service.writer import Writer
from servicekit.failpoints import Failpoints, guarded
from servicekit.observed import observed
from servicekit.server import App, Service

# A sweep ends in less, as a rule: a command that meets one need not fail.
_LEASE_WAIT_SECONDS = 2.0


Stores = tuple[RedisRecordStore, MilvusVectorStore]


@asynccontextmanager
async def build(settings: SearchSettings) -> AsyncIterator[App]:
    """Open Milvus and Redis and build the service over them; close all in reverse."""
    async with AsyncExitStack() as stack:
        metrics = SearchMetrics()
        records, vectors = await _stores(stack, settings, metrics)
        guard = Guard(records, vectors, shared_milvus=settings.shared_milvus)
        metrics.show(vectors, guard)
        stack.callback(guard.close)
        lease = Lease(
            records,
            seconds=settings.lease_seconds,
            rows_per_second=settings.maintenance_rows_per_second,
            wait_seconds=_LEASE_WAIT_SECONDS,
        )
        sweeper = Sweeper(
            records,
            vectors,
            guard,
            lease,
            interval_seconds=settings.sweep_interval_seconds,
            retention_seconds=settings.sweep_retention_seconds,
            horizon_seconds=settings.write_horizon_seconds,
            recorder=metrics,
        )
        await stack.enter_async_context(_running(sweeper))
        services = [
            _serving(stack, settings, (records, vectors), guard, metrics),
            _maintenance(settings, (records, vectors), sweeper, guard, lease, recorder=metrics),
        ]
        yield App(services, checks=[records, vectors, guard], stage="search", metrics=metrics)


def _serving(
    stack: AsyncExitStack, settings: SearchSettings, stores: Stores, guard: Guard, recorder: Recorder
) -> Service:
    survey = Survey(*stores, at_once=settings.survey_searches)
    stack.callback(survey.close)
    servicer = SearchServicer(
        Catalogue(*stores, horizon_seconds=settings.write_horizon_seconds),
        Writer(*stores, write_timeout_seconds=settings.write_timeout_seconds),
        Images(stores[0]),
        Index(*stores, fusion_depth=settings.fusion_depth, margin=settings.search_margin, recorder=recorder),
        models=ModelChanges(*stores),
        contents=Contents(*stores),
        answers=Answers(stores[0], retention_seconds=settings.answer_retention_seconds),
        evaluator=Evaluator(survey),
        duplicates=Duplicates(survey),
    )
    return Service(
        "likeness.v1.SearchService",
        lambda server: search_pb2_grpc.add_SearchServiceServicer_to_server(servicer, server),
        roles.SEARCH,
        guard.require_records,
    )


def _maintenance(
    settings: SearchSettings, stores: Stores, sweeper: Sweeper, guard: Guard, lease: Lease, *, recorder: Recorder
) -> Service:
    servicer = MaintenanceServicer(
        sweeper,
        Reconciler(*stores, guard, lease, recorder),
        Rebuilder(*stores, guard, lease, horizon_seconds=settings.write_horizon_seconds),
        guard,
    )
    return Service(
        "likeness.v1.MaintenanceService",
        lambda server: maintenance_pb2_grpc.add_MaintenanceServiceServicer_to_server(servicer, server),
        roles.MAINTENANCE,
    )


async def _stores(stack: AsyncExitStack, settings: SearchSettings, metrics: SearchMetrics) -> Stores:
    stores = _with_faults(settings, await _records(stack, settings), await _vectors(stack, settings, metrics))
    return observed(stores[0], "redis", metrics), observed(stores[1], "milvus", metrics)


async def _records(stack: AsyncExitStack, settings: SearchSettings) -> RedisRecordStore:
    return await stack.enter_async_context(
        RedisRecordStore.open(
            settings.redis_url,
            timeout_seconds=settings.redis_timeout_seconds,
            max_connections=settings.redis_connections,
            access=settings.redis_access,
            replication=Replication(settings.redis_replicas, settings.redis_replica_seconds),
            require_durable=settings.redis_require_durable,
        )
    )


def _with_faults(
    settings: SearchSettings, records: RedisRecordStore, vectors: MilvusVectorStore
) -> tuple[RedisRecordStore, MilvusVectorStore]:
    if not settings.fault_injection:
        return records, vectors
    failpoints = Failpoints(settings.failpoints, FAILPOINTS)
    return guarded(records, "records", RECORD_STEPS, failpoints), guarded(vectors, "vectors", VECTOR_STEPS, failpoints)


async def _vectors(stack: AsyncExitStack, settings: SearchSettings, recorder: Recorder) -> MilvusVectorStore:
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
            cache_bytes=settings.vector_cache_bytes,
            ensure=lite.ensure if lite else lambda: None,
            recorder=recorder,
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
