"""A search service that is told to stop while its Milvus hangs."""

import asyncio
import signal
from typing import Any

import grpc

from likeness.v1 import search_pb2_grpc
from tests import servers
from tests.integration.search_process import PATIENCE_SECONDS, SERVING, SearchProcess, upsert, write

FAST = 100


async def test_it_stops_though_a_call_to_milvus_gets_no_answer(service: SearchProcess) -> None:
    async with service.running(FAST) as process:
        await service.becomes(SERVING)
        await write(service)
        with servers.stopped(servers.lite_processes(service.file)):
            async with service.channel() as channel:
                stub: Any = search_pb2_grpc.SearchServiceStub(channel)
                call = stub.UpsertImages(upsert(attempt=1), timeout=1)
                assert await call.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0
