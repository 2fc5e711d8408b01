"""Sweep, reconcile and rebuild over real Redis and either Milvus, with what accidents leave behind."""

import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import redis

from search_service.catalogue import Catalogue
from search_service.guard import Guard
from search_service.index import Index
from search_service.lease import Lease
from search_service.milvus_store import MilvusVectorStore
from search_service.ports_repair import Finding, Kind
from search_service.query import Query
from search_service.rebuild import Rebuilder
from search_service.reconcile import Reconciler
from search_service.redis_store import RedisRecordStore
from search_service.sweep import Sweeper
from search_service.values import Binding, Collection, IndexSpec, Metric, Outcome, Record, Row, RowKey, Version
from search_service.writer import ModelVector, NewImage, Writer
from servicekit.errors import BackendUnavailable
from tests import servers

COUNT = 40
DIMENSIONS = {"a": 8, "b": 4}


@dataclass
class Parts:
    """What is at work over one pair of stores, with nothing held back by age."""

    records: RedisRecordStore
    vectors: MilvusVectorStore
    redis: redis.Redis
    shared_milvus: bool

    def __post_init__(self) -> None:
        stores = (self.records, self.vectors)
        self.name = f"repair-{secrets.token_hex(4)}"
        self.guard = Guard(*stores, shared_milvus=self.shared_milvus)
        lease = Lease(self.records, seconds=5, rows_per_second=1e9)
        self.sweeper = Sweeper(*stores, self.guard, lease, interval_seconds=1, retention_seconds=0, horizon_seconds=0)
        self.reconciler = Reconciler(*stores, self.guard, lease)
        self.rebuilder = Rebuilder(*stores, self.guard, lease, horizon_seconds=0)
        self.writer = Writer(*stores, write_timeout_seconds=30)
        self.index = Index(*stores, fusion_depth=10, margin=10)

    async def create(self) -> Collection:
        bindings = tuple(Binding(model, f"print{model}", size) for model, size in DIMENSIONS.items())
        wanted = Collection("", self.name, Metric.L2, IndexSpec("FLAT"), bindings, "words", 0)
        return (await Catalogue(self.records, self.vectors, horizon_seconds=100).create(wanted)).collection

    async def put(self, *images: tuple[str, int]) -> list[Outcome]:
        return await self.writer.upsert(self.name, [an_image(*image) for image in images])

    async def nearest(self, seed: int) -> str:
        vectors = an_image("", seed).vectors
        return (await self.index.search(Query(self.name, vectors, top_k=1))).fused[0].image_id

    async def reconcile(self, *, repair: bool = False, force: bool = False) -> list[Finding]:
        steps = self.reconciler.run([self.name], repair=repair, force=force)
        return [finding async for step in steps for finding in step.findings]

    async def rebuild(self) -> tuple[int, list[Finding]]:
        steps = [step async for step in self.rebuilder.run([self.name])]
        return sum(step.restored for step in steps), [finding for step in steps for finding in step.findings]

    async def listing(self) -> list[Record]:
        """Return every record, its times apart."""
        uid = (await self.records.collection(self.name)).uid
        return [replace(record, create_ms=0, update_ms=0) for record in await self.records.page(uid, "", 1000)]

    async def row_counts(self, collection: Collection) -> list[int]:
        return [await self.vectors.count(binding.space) for binding in collection.bindings]


def an_image(image_id: str, seed: int) -> NewImage:
    """Return an image whose content and unit vectors follow from its seed."""
    vectors = []
    for model, size in DIMENSIONS.items():
        vector = np.random.default_rng([seed, size]).normal(size=size)
        vectors.append(ModelVector(model, f"print{model}", (vector / np.linalg.norm(vector)).astype(np.float32)))
    attributes = {"label": f"l{seed}", "whole": float(seed), "deep": {"list": [1.0, None, True, "|#ü"]}}
    return NewImage(Version(image_id, f"{seed:064x}", f"file:///{image_id}", attributes), 640, 480, vectors)


@pytest.fixture(params=["lite", pytest.param("server", marks=pytest.mark.long)])
async def parts(request: pytest.FixtureRequest, short_directory: Path, tmp_path: Path) -> AsyncIterator[Parts]:
    """Stores of a test's own; a Milvus server is shared with what other tests have left there."""
    directory = short_directory / secrets.token_hex(3)
    directory.mkdir()
    async with AsyncExitStack() as stack:
        url = stack.enter_context(servers.redis_server(directory, servers.REDIS_BINARIES["redis"]))
        lite = request.param == "lite"
        uri = (
            stack.enter_context(servers.milvus_lite(tmp_path))
            if lite
            else str(request.getfixturevalue("milvus_server_uri"))
        )
        records = RedisRecordStore.open(url, timeout_seconds=5, max_connections=8)
        vectors = MilvusVectorStore.open(
            uri, token="", flavour=request.param, threads=4, timeout_seconds=30, ensure=lambda: None
        )
        client = stack.enter_context(redis.Redis.from_url(url))
        opened = await stack.enter_async_context(records), await stack.enter_async_context(vectors)
        made = Parts(*opened, client, shared_milvus=not lite)
        yield made
        for collection in await made.records.collections():
            for binding in collection.bindings:
                await made.vectors.drop(binding.space)


async def test_an_empty_redis_costs_no_row_and_a_rebuild_brings_all_back(parts: Parts) -> None:
    collection = await parts.create()
    await parts.put(*((f"x{i:02}", i) for i in range(COUNT)))
    await parts.put(("x03", 103), ("x04", 104))
    await parts.sweeper.sweep()
    known = await parts.listing()
    await parts.guard.check()
    parts.redis.flushall()
    if not parts.shared_milvus:
        with pytest.raises(BackendUnavailable):
            await parts.guard.check()
    assert await parts.sweeper.sweep() == 0
    assert await parts.row_counts(collection) == [COUNT, COUNT]
    assert await parts.rebuild() == (COUNT, [])
    assert await parts.records.collection(parts.name) == collection
    assert await parts.listing() == known
    assert [await parts.nearest(seed) for seed in (7, 103, 104)] == ["x07", "x03", "x04"]
    assert await parts.put(("x07", 7), ("x03", 103), ("new", 200)) == [Outcome.UNCHANGED] * 2 + [Outcome.CREATED]
    await parts.guard.check()
    assert await parts.rebuild() == (0, [])
    assert await parts.reconcile(repair=True) == []
    assert await parts.sweeper.sweep() == 0
    assert await parts.row_counts(collection) == [COUNT + 1] * 2


async def test_rows_put_back_or_taken_behind_our_back_are_found_and_mended(parts: Parts) -> None:
    collection = await parts.create()
    await parts.put(*((f"x{i:02}", i) for i in range(COUNT)))
    spaces = [binding.space for binding in collection.bindings]
    for space, vector in zip(spaces, an_image("", 5).vectors, strict=True):
        strays = [RowKey("x05", 9_999), RowKey("unknown", 3)]
        await parts.vectors.insert(space, [Row(stray(key), vector.vector) for key in strays])
    (taken,) = [record for record in await parts.listing() if record.version.image_id == "x20"]
    await parts.vectors.delete(spaces[1], [taken.key])
    assert await parts.nearest(5) == "x05"
    found = await parts.reconcile(repair=True)
    assert sorted((f.kind.name, f.image_id, f.model, f.repaired) for f in found) == [
        ("MISSING_ROW", "x20", "b", True),
        ("ORPHAN_ROW", "unknown", "a", True),
        ("ORPHAN_ROW", "x05", "a", True),
    ]
    again = await parts.reconcile(repair=True)
    assert [(f.kind, f.image_id, f.repaired) for f in again] == [(Kind.MISSING_ROW, "x20", False)]
    assert await parts.put(("x20", 20)) == [Outcome.UPDATED]
    assert await parts.sweeper.sweep() == 3
    assert await parts.reconcile(repair=True) == []
    assert await parts.row_counts(collection) == [COUNT, COUNT]
    assert [await parts.nearest(seed) for seed in (5, 20)] == ["x05", "x20"]


def stray(key: RowKey) -> Record:
    return Record(Version(key.image_id, "f" * 64), 1, 1, key.generation)


@pytest.mark.parametrize("parts", ["lite"], indirect=True)
async def test_a_redis_of_an_earlier_time_is_noticed_and_caught_up(parts: Parts) -> None:
    collection = await parts.create()
    await parts.put(*((f"x{i:02}", i) for i in range(COUNT // 2)))
    earlier = {key: parts.redis.dump(key) or b"" for key in parts.redis.scan_iter()}
    await parts.put(*((f"y{i:02}", 50 + i) for i in range(COUNT // 2)), ("x00", 100))
    await parts.sweeper.sweep()
    known = await parts.listing()
    parts.redis.flushall()
    for key, value in earlier.items():
        parts.redis.restore(key, 0, value)
    await parts.put(("x01", 1_001))
    assert await parts.sweeper.sweep() == 0, "what x01 had is garbage, and stays"
    assert parts.guard.refused == [parts.name]
    assert await parts.row_counts(collection) == [COUNT + 1] * 2
    assert await parts.rebuild() == (COUNT // 2 + 1, [])
    changed = [record for record in await parts.listing() if record not in known]
    assert [record.version.image_id for record in changed] == ["x01"]
    assert await parts.nearest(100) == "x00"
    assert await parts.sweeper.sweep() > 0
    await parts.guard.check()
    assert await parts.reconcile() == []
