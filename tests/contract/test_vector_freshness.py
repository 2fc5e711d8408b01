"""What a read sees of what was just written, by the same process and by another one."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import numpy as np
import pytest

from search_service.milvus_store import MilvusVectorStore
from search_service.ports import VectorStore
from search_service.reading import Consistency
from search_service.values import IndexSpec, Metric, Record, Row, RowKey, Version

ROUNDS = 6
AXES = np.eye(ROUNDS, dtype=np.float32)


@pytest.fixture(scope="module")
async def replicas(milvus_server_uri: str) -> AsyncIterator[list[MilvusVectorStore]]:
    """Two stores that know nothing of each other's writes: pymilvus remembers those by the address it was given."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(
                MilvusVectorStore.open(uri, flavour="server", threads=2, timeout_seconds=30, ensure=lambda: None)
            )
            for uri in (milvus_server_uri, milvus_server_uri.replace("127.0.0.1", "localhost"))
        ]


async def write(store: VectorStore, space: str, number: int) -> RowKey:
    record = Record(Version(f"image-{number}", "0" * 64), 1, 1, number + 1)
    await store.insert(space, [Row(record, AXES[number])])
    return record.key


async def first(store: VectorStore, space: str, number: int, consistency: Consistency) -> RowKey | None:
    """Return the nearest row to where a row was just written."""
    found = await store.search(space, Metric.L2, AXES[number], 1, consistency=consistency)
    return found[0].key if found else None


async def test_a_strong_read_sees_every_replicas_writes_and_any_read_its_own(replicas: list[MilvusVectorStore]) -> None:
    here, there = replicas
    space = f"test_{secrets.token_hex(6)}"
    await here.create(space, ROUNDS, Metric.L2, IndexSpec())
    # In turn, for after either of the two even a read that waits for nothing would see the row.
    for number in range(0, ROUNDS, 2):
        key = await write(here, space, number)
        assert await first(there, space, number, Consistency.STRONG) == key
        key = await write(here, space, number + 1)
        assert await first(here, space, number + 1, Consistency.BOUNDED) == key
    await here.drop(space)
