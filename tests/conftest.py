"""What every suite shares."""

import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from servicekit.tracing import Tracer
from tests import servers
from tests.serving import Serving, serving

ROOT = Path(__file__).resolve().parent.parent
# A process among several is told of a terminal that is not there; what the tests start would write for its width.
for name in ("COLUMNS", "LINES"):
    os.environ.pop(name, None)
# These share stores that take seconds to start, by their parameters: each folder stays with one process, in its order.
_TOGETHER = ("tests/contract/", "tests/integration/")


class _Shares(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Shares the tests out among processes (`--numprocesses`): file by file, and some folders whole."""

    def _split_scope(self, nodeid: str) -> str:
        return next((folder for folder in _TOGETHER if nodeid.startswith(folder)), nodeid.partition("::")[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Return how tests are shared out."""
    return _Shares(config, log)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real photographs and networks, which are no part of the repository."""
    path = ROOT.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("needs the photographs and networks of ../shared/data, which are not beside this checkout")
    return path


@pytest.fixture(scope="session")
def short_directory() -> Iterator[Path]:
    """A folder whose path is short enough for a unix socket in it."""
    with tempfile.TemporaryDirectory(prefix="likeness-") as path:
        yield Path(path)


@pytest.fixture(scope="session")
def redis_url(short_directory: Path) -> Iterator[str]:
    """A real Redis that fsyncs every write."""
    directory = short_directory / "redis"
    directory.mkdir()
    with servers.redis_server(directory, servers.REDIS_BINARIES["redis"]) as url:
        yield url


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.MilvusServer]:
    """A real Milvus server."""
    with servers.milvus_server(tmp_path_factory.mktemp("milvus")) as server:
        server.wait()
        yield server


@pytest.fixture(scope="session")
def milvus_server_uri(milvus_server: servers.MilvusServer) -> str:
    """The address of a real Milvus server."""
    return milvus_server.uri


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[Serving]]]:
    """Starts servers in this process with `await serve(build, settings)`; they stop after the test, last first."""
    async with AsyncExitStack() as stack:

        async def start(build: Any, settings: Any, tracer: Tracer | None = None) -> Serving:
            return await stack.enter_async_context(serving(build, settings, tracer))

        yield start
