"""What the stores themselves hold, read past the service."""

import json
from typing import Protocol

from redis.asyncio import Redis

from search_service.milvus_store import MilvusVectorStore
from search_service.redis_store import RedisRecordStore
from search_service.values import Collection
from tests.chaos.caller import Caller, patiently
from tests.chaos.site import PATIENCE_SECONDS
from tests.oracle import AtRest


async def rows(milvus_uri: str, redis_url: str, name: str) -> dict[str, int]:
    """Return how many rows each model has and, beside it, how many of them a record names."""
    async with (
        RedisRecordStore.open(redis_url, timeout_seconds=5, max_connections=2) as records,
        MilvusVectorStore.open(
            milvus_uri, token="", flavour="server", threads=2, timeout_seconds=30, ensure=lambda: None
        ) as vectors,
    ):
        collection = await records.collection(name)
        return await _rows(records, vectors, collection)


async def _rows(records: RedisRecordStore, vectors: MilvusVectorStore, collection: Collection) -> dict[str, int]:
    keys = [record.key for record in await records.page(collection.uid, "", 10_000)]
    found = {}
    for binding in collection.bindings:
        named = await vectors.fetch(binding.space, keys, latest=True) if keys else {}
        found[f"rows of {binding.model}"] = await vectors.count(binding.space)
        found[f"rows of {binding.model} that a record names"] = len(named)
    return found


async def none_under_way(redis_url: str, name: str) -> None:
    """Raise AssertionError while a write of the collection is noted that has neither been committed nor given up."""
    async with Redis.from_url(redis_url, decode_responses=True) as records:
        uid = json.loads(str(await records.hget("{likeness}:collections", name)))["uid"]
        assert await records.zcard(f"likeness:{{{uid}}}:intents") == 0


class Stores(Protocol):
    """Where the stores are."""

    @property
    def milvus_uri(self) -> str:
        """Address of the Milvus."""

    @property
    def redis_url(self) -> str:
        """Address of the Redis."""


async def swept(site: Stores, caller: Caller) -> None:
    """Wait for the sweep, and have the oracle judge all that is stored then, and each image."""

    async def judge() -> None:
        stored = await rows(site.milvus_uri, site.redis_url, caller.collection)
        caller.oracle.at_rest(AtRest(await caller.listed(), await caller.count(), stored))

    await patiently(PATIENCE_SECONDS, judge)
    await caller.every_image()
