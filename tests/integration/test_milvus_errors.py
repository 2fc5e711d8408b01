"""What each of Milvus's failures becomes, on the embedded one, on a server, and where there is none."""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymilvus import MilvusClient

from search_service.filters import OneOf
from search_service.milvus_store import MilvusVectorStore
from search_service.ports import CollectionNotFound, VectorStore
from search_service.values import IndexSpec, Metric, Record, Row, RowKey, Version
from servicekit import deadline
from servicekit.errors import BackendUnavailable, DeadlineExceeded, ServiceError
from tests import servers

VECTOR = np.array([1.0, 0.0], np.float32)
ROW = Row(Record(Version("image", "0" * 64), 1, 1, 1), VECTOR)
Act = Callable[[VectorStore, str], Coroutine[Any, Any, object]]
CALLS: dict[str, Act] = {
    "insert": lambda store, space: store.insert(space, [ROW]),
    "search": lambda store, space: store.search(space, Metric.L2, VECTOR, 1),
    "select": lambda store, space: store.select(space, OneOf("a", [1.0]), 1),
    "fetch": lambda store, space: store.fetch(space, [RowKey("image", 1)]),
    "delete": lambda store, space: store.delete(space, [RowKey("image", 1)]),
    "count": lambda store, space: store.count(space),
}
FAULTS: dict[str, Act] = {
    "insert a vector too long": lambda store, space: store.insert(space, [Row(ROW.record, np.ones(3, np.float32))]),
    "search for no row": lambda store, space: store.search(space, Metric.L2, VECTOR, 0),
}


@asynccontextmanager
async def store_at(uri: str, flavour: str, timeout_seconds: float = 30.0) -> AsyncIterator[MilvusVectorStore]:
    async with MilvusVectorStore.open(
        uri, flavour=flavour, threads=2, timeout_seconds=timeout_seconds, ensure=lambda: None
    ) as store:
        yield store


@pytest.fixture(scope="module", params=["lite", "server"])
def address(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The address of each Milvus, and its flavour."""
    if request.param == "server":
        yield request.getfixturevalue("milvus_server_uri"), "server"
        return
    with servers.milvus_lite(tmp_path_factory.mktemp("lite")) as uri:
        yield uri, "lite"


@pytest.fixture(scope="module")
async def space(address: tuple[str, str]) -> AsyncIterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    async with store_at(*address) as store:
        await store.create(name, 2, Metric.L2, IndexSpec("FLAT"))
        await store.insert(name, [ROW])
        yield name
        await store.drop(name)


@pytest.mark.parametrize("call", CALLS)
async def test_a_space_that_is_gone_is_not_found(address: tuple[str, str], call: str) -> None:
    async with store_at(*address) as store:
        with pytest.raises(CollectionNotFound):
            await CALLS[call](store, "no_such_space")
        # An error is an answer, too.
        await store.check()


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_of_ours_is_none_of_the_callers(address: tuple[str, str], space: str, fault: str) -> None:
    """It is no CollectionNotFound and nothing about the request: INTERNAL, or UNAVAILABLE where Milvus does not say."""
    async with store_at(*address) as store:
        with pytest.raises(Exception) as raised:  # noqa: PT011 whichever it is, it must not be the caller's
            await FAULTS[fault](store, space)
        assert isinstance(raised.value, BackendUnavailable) or not isinstance(raised.value, ServiceError)


async def test_a_released_space_is_loaded_again(address: tuple[str, str], space: str) -> None:
    """As a Milvus leaves its collections that was started again."""
    client = MilvusClient(address[0], timeout=5, dedicated=True)
    client.release_collection(space, timeout=5)
    client.close()
    async with store_at(*address) as store:
        assert await store.search(space, Metric.L2, VECTOR, 1)


@pytest.mark.parametrize("call", CALLS)
async def test_where_nothing_listens_it_is_unavailable(call: str) -> None:
    async with store_at(f"http://127.0.0.1:{servers.free_port()}", "server", 1.0) as store:
        with pytest.raises(BackendUnavailable) as refused:
            await CALLS[call](store, "space")
        assert refused.value.retry_after_seconds
        assert "127.0.0.1" not in refused.value.message


@pytest.fixture
async def silent_address() -> AsyncIterator[str]:
    """A server that takes connections and says nothing."""
    gone = asyncio.Event()

    async def listen(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await gone.wait()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    gone.set()
    server.close()


async def test_whose_time_ran_out_decides_the_error(silent_address: str) -> None:
    async with store_at(silent_address, "server", 0.2) as store:
        with pytest.raises(BackendUnavailable):
            await store.count("space")
    async with store_at(silent_address, "server", 20.0) as store:
        with pytest.raises(DeadlineExceeded) as ended:
            await searching(store, 0.2)
        assert ended.value.metadata == {"stage": "search"}


async def searching(store: VectorStore, seconds: float) -> None:
    async with deadline.limit(seconds):
        with deadline.stage("search"):
            await store.count("space")


async def test_a_failed_check_refuses_calls_until_one_succeeds(tmp_path: Path) -> None:
    with servers.milvus_lite(tmp_path) as uri:
        async with store_at(uri, "lite", 5.0) as store:
            await store.check()
            for pid in servers.lite_processes(tmp_path / "lite.db"):
                os.kill(pid, signal.SIGKILL)
            with pytest.raises(ServiceError):
                await store.check()
            began = asyncio.get_running_loop().time()
            with pytest.raises(BackendUnavailable):
                await store.count("space")
            assert asyncio.get_running_loop().time() - began < 0.05


@pytest.mark.long
async def test_a_connection_that_lay_idle_is_no_error(address: tuple[str, str], space: str) -> None:
    """gRPC's pings on an idle connection are more than Milvus Lite's server puts up with: it says goodbye."""
    async with store_at(*address) as store:
        assert await store.count(space) == 1
        await asyncio.sleep(75)
        assert await store.search(space, Metric.L2, VECTOR, 1)
