"""The stores under contract: each fake beside the real things it stands for."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from search_service.milvus_store import MilvusVectorStore
from search_service.ports_repair import RepairRecords, RepairVectors
from search_service.redis_address import RedisAccess
from search_service.redis_calls import Replication
from search_service.redis_store import RedisRecordStore
from tests import redis_servers, servers
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
            uri, flavour=flavour, threads=4, timeout_seconds=30, ensure=lambda: None, cache_bytes=1024 * 1024
        ) as store:
            yield store


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A cluster of three masters, each with a replica."""
    with redis_servers.cluster(tmp_path_factory.mktemp("cluster")) as nodes:
        yield redis_servers.cluster_url(nodes)


@contextmanager
def place_of(request: pytest.FixtureRequest, directory: Path) -> Iterator[tuple[str, RedisAccess]]:
    """Run what a parameter names, and give its address and what is shown there."""
    with ExitStack() as stack:
        if request.param in servers.REDIS_BINARIES:
            directory.mkdir()
            binary = servers.REDIS_BINARIES[request.param]
            yield stack.enter_context(servers.redis_server(directory, binary)), RedisAccess()
        elif request.param == "sentinel":
            master, _ = stack.enter_context(redis_servers.pair(directory))
            yield stack.enter_context(redis_servers.sentinels(directory, master)), RedisAccess()
        elif request.param == "tls-acl":
            files = redis_servers.certificates(directory)
            server = stack.enter_context(redis_servers.secured(directory / "server", files))
            user, password = redis_servers.USER, redis_servers.PASSWORD
            access = RedisAccess(
                user, password, tls_ca_file=files.ca, tls_cert_file=files.client, tls_key_file=files.client
            )
            yield f"rediss://127.0.0.1:{server.port}/0", access
        else:
            yield request.getfixturevalue("redis_cluster"), RedisAccess()


REPLICATED = {"sentinel", "cluster-replicated"}


@pytest.fixture(
    scope="session",
    params=["memory", *servers.REDIS_BINARIES, "sentinel", "tls-acl", "cluster", "cluster-replicated"],
)
async def records(request: pytest.FixtureRequest, short_directory: Path) -> AsyncIterator[RepairRecords]:
    """Every record store there is."""
    if request.param == "memory":
        yield RepairableRecordStore()
        return
    replication = Replication(1 if request.param in REPLICATED else 0)
    with place_of(request, short_directory / f"contract-{secrets.token_hex(3)}") as (url, access):
        async with RedisRecordStore.open(
            url, timeout_seconds=5, max_connections=4, access=access, replication=replication
        ) as store:
            yield store
