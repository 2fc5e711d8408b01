"""The whole system over each Milvus there is, where two settings differ, nothing else; and a service as a process."""

import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests import servers
from tests.integration.search_process import SearchProcess
from tests.system import System, system


@pytest.fixture(scope="session", params=["lite", "server"])
async def likeness(
    request: pytest.FixtureRequest, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """The three services, on the embedded Milvus and on a server."""
    if request.param == "lite":
        milvus_uri = str(tmp_path_factory.mktemp("system") / "lite.db")
    else:
        milvus_uri = request.getfixturevalue("milvus_server_uri")
    async with system(milvus_uri, redis_url) as running:
        yield running


@pytest.fixture
async def service(short_directory: Path, tmp_path: Path) -> AsyncIterator[SearchProcess]:
    """A search service, not started yet, over a Redis of its own."""
    directory = short_directory / secrets.token_hex(3)
    directory.mkdir()
    with servers.redis_server(directory, servers.REDIS_BINARIES["redis"]) as url:
        yield SearchProcess(url, tmp_path)
