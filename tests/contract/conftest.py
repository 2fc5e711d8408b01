"""The stores under contract: each fake beside the real things it stands for."""

from collections.abc import AsyncIterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from search_service.milvus_store import MilvusVectorStore
from search_service.ports_repair import RepairRecords, RepairVectors
from search_service.redis_store import RedisRecordStore
from tests import servers
from tests.fakes_repair import RepairableRecordStore, RepairableVectorStore


@pytest.fixture(scope="session", params=["memory", "milvus-lite", "milvus-server"])
async def vectors(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RepairVectors]:
    """Every vector store there is."""
    if request.param == "memory":
        yield RepairableVectorStore()
        return
    with ExitStack() as stack:
        if request.param == "milvus-lite":
            uri = stack.enter_context(servers.milvus_lite(tmp_path_factory.mktemp("lite")))
        else:
            uri = request.getfixturevalue("milvus_server_uri")
        flavour = request.param.removeprefix("milvus-")
        async with MilvusVectorStore.open(
            uri, token="", flavour=flavour, threads=4, timeout_seconds=30, ensure=lambda: None
        ) as store:
            yield store


@pytest.fixture(scope="session", params=["memory", *servers.REDIS_BINARIES])
async def records(request: pytest.FixtureRequest, short_directory: Path) -> AsyncIterator[RepairRecords]:
    """Every record store there is."""
    if request.param == "memory":
        yield RepairableRecordStore()
        return
    directory = short_directory / f"contract-{request.param}"
    directory.mkdir()
    with servers.redis_server(directory, servers.REDIS_BINARIES[request.param]) as url:
        async with RedisRecordStore.open(url, password="", timeout_seconds=5, max_connections=4) as store:
            yield store
