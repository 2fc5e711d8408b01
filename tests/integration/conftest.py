"""The whole system over each Milvus there is: two settings differ, nothing else."""

from collections.abc import AsyncIterator

import pytest

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
