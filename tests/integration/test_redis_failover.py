"""What acknowledged writes survive when a master dies, and what waiting for replicas buys."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from search_service.ports import RecordStore
from search_service.redis_calls import Replication
from search_service.redis_store import RedisRecordStore
from search_service.values import Outcome
from servicekit.errors import BackendUnavailable, ServiceError
from tests import redis_servers, servers
from tests.proxy import FaultProxy, proxy_to
from tests.redis_servers import Instance
from tests.unit.search_service.conftest import Core, new_image

ENOUGH = 50
WAITING = Replication(1, 0.25)


@asynccontextmanager
async def core_at(url: str, replication: Replication) -> AsyncIterator[Core]:
    """The core over this Redis."""
    async with RedisRecordStore.open(url, timeout_seconds=2, max_connections=8, replication=replication) as records:
        yield Core(records=records)  # type: ignore[arg-type]


@dataclass
class Writers:
    """Four writers of new images, each at it until the block ends, and what became of every write."""

    core: Core
    acknowledged: list[str] = field(default_factory=list)
    failed: list[ServiceError] = field(default_factory=list)
    # Set at every outcome, and cleared by whoever waits for the next.
    moved: asyncio.Event = field(default_factory=asyncio.Event)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    async def __aenter__(self) -> "Writers":
        self.tasks = [asyncio.create_task(self._write()) for _ in range(4)]
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def _write(self) -> None:
        for number in self.numbers:
            image_id = f"image-{number}"
            try:
                if await self.core.put(new_image(image_id, number)) == [Outcome.CREATED]:
                    self.acknowledged.append(image_id)
            except ServiceError as error:
                self.failed.append(error)
            self.moved.set()

    async def outcomes(self, *, acknowledged: int = 0, failed: int = 0) -> None:
        """Return once that many more were acknowledged, or that many more failed."""
        aims = len(self.acknowledged) + (acknowledged or 10**9), len(self.failed) + (failed or 10**9)
        async with asyncio.timeout(30):
            while len(self.acknowledged) < aims[0] and len(self.failed) < aims[1]:
                self.moved.clear()
                await self.moved.wait()


async def lost(records: RecordStore, acknowledged: list[str]) -> list[str]:
    uid = (await records.collection("c")).uid
    found = await records.read(uid, acknowledged)
    return [image_id for image_id, record in zip(acknowledged, found, strict=True) if record is None]


@pytest.fixture
async def linked(tmp_path: Path) -> AsyncIterator[tuple[Instance, Instance, FaultProxy]]:
    """A master, a replica of it, and the link between them."""
    with ExitStack() as stack:
        master, replica = (stack.enter_context(redis_servers.redis_instance(tmp_path / n)) for n in ("one", "two"))
        async with proxy_to("127.0.0.1", master.port) as link:
            await asyncio.to_thread(redis_servers.follow, replica, master, through=link.port)
            yield master, replica, link


@pytest.mark.parametrize("replication", [WAITING, Replication()], ids=["waiting", "not-waiting"])
async def test_a_replica_that_was_cut_off_takes_over(
    linked: tuple[Instance, Instance, FaultProxy], replication: Replication
) -> None:
    """Nothing acknowledged is lost where writes wait for the replica; without that, all since the cut is."""
    master, replica, link = linked
    async with core_at(master.url, replication) as core:
        await core.create()
        async with Writers(core) as writers:
            await writers.outcomes(acknowledged=ENOUGH)
            link.hold()
            await writers.outcomes(acknowledged=ENOUGH, failed=8)
    master.kill()
    await link.cut()
    await asyncio.to_thread(replica.ask, "REPLICAOF", "NO", "ONE")
    async with core_at(replica.url, Replication()) as core:
        gone = await lost(core.records, writers.acknowledged)
        if replication.replicas:
            assert (gone, len(writers.failed) >= 8) == ([], True)
        else:
            assert (len(gone) > 0, writers.failed) == (True, [])


async def test_a_replica_that_takes_over_gives_no_generation_twice(
    linked: tuple[Instance, Instance, FaultProxy],
) -> None:
    """Rows of a write whose intent was lost may be in Milvus under its generation: no other may have that."""
    master, replica, link = linked
    async with core_at(master.url, WAITING) as waiting, core_at(master.url, Replication()) as core:
        uid = (await waiting.create()).uid
        link.hold()
        (lost_one,) = await core.records.begin(uid, ["a"])
    master.kill()
    await link.cut()
    await asyncio.to_thread(replica.ask, "REPLICAOF", "NO", "ONE")
    async with core_at(replica.url, Replication()) as core:
        (next_one,) = await core.records.begin(uid, ["a"])
    assert next_one > lost_one


async def test_a_write_without_its_replica_is_unknown_and_its_retry_waits_too(tmp_path: Path) -> None:
    with redis_servers.pair(tmp_path) as (master, replica):
        async with core_at(master.url, WAITING) as core:
            await core.create()
            await core.put(new_image("b", 1))
            replica.stop()
            for _ in range(2):
                with pytest.raises(BackendUnavailable, match="too few replicas"):
                    await core.images.delete("c", ["b"], None, force=False)
                # It did happen here; a repeat must not be acknowledged for that.
                with pytest.raises(BackendUnavailable, match="too few replicas"):
                    await core.put(new_image("a", 2))
            replica.resume()
            assert await core.put(new_image("a", 2)) == [Outcome.CREATED]
            assert await core.put(new_image("a", 2)) == [Outcome.UNCHANGED]


async def test_unchanged_is_said_only_once_replicas_have_it(tmp_path: Path) -> None:
    with redis_servers.pair(tmp_path) as (master, replica):
        async with core_at(master.url, Replication()) as alone, core_at(master.url, WAITING) as waiting:
            await alone.create()
            replica.stop()
            await alone.put(new_image("a", 1))
            waiting.vectors.spaces = alone.vectors.spaces
            with pytest.raises(BackendUnavailable, match="too few replicas"):
                await waiting.put(new_image("a", 1))
            replica.resume()
            assert await waiting.put(new_image("a", 1)) == [Outcome.UNCHANGED]


async def test_sentinels_failover_under_writes_loses_nothing_acknowledged(tmp_path: Path) -> None:
    with ExitStack() as stack:
        master, _ = stack.enter_context(redis_servers.pair(tmp_path))
        second = stack.enter_context(redis_servers.redis_instance(tmp_path / "second"))
        redis_servers.follow(second, master)
        url = stack.enter_context(redis_servers.sentinels(tmp_path, master))
        async with core_at(url, WAITING) as core:
            await core.create()
            async with Writers(core) as writers:
                await writers.outcomes(acknowledged=ENOUGH)
                master.kill()
                await writers.outcomes(failed=1)
                await writers.outcomes(acknowledged=ENOUGH)
            assert await lost(core.records, writers.acknowledged) == []


async def one_collection_a_shard(core: Core, nodes: list[Instance], masters: int) -> dict[int, str]:
    """Make collections until every shard but the registry's has one; return the uid of one on each."""
    shards: dict[int, str] = {}
    registry = redis_servers.shard_of(nodes, "{likeness}", masters)
    for number in itertools.count():
        uid = (await core.create(f"c{number}")).uid
        shards[redis_servers.shard_of(nodes, f"{{{uid}}}", masters)] = uid
        if len(shards.keys() - {registry}) == masters - 1:
            break
    shards.pop(registry, None)
    return shards


async def begins(records: RecordStore, uid: str) -> bool:
    try:
        return len(await records.begin(uid, ["a"])) == 1
    except BackendUnavailable:
        return False


async def test_a_clusters_other_shards_go_on_while_one_fails_over(tmp_path: Path) -> None:
    with redis_servers.cluster(tmp_path) as nodes:
        async with core_at(redis_servers.cluster_url(nodes), Replication()) as core:
            (dying, its), (_, steady) = (await one_collection_a_shard(core, nodes, 3)).items()
            nodes[dying].kill()
            assert not await begins(core.records, its)
            assert await begins(core.records, steady)
            await core.records.check()
            await servers.eventually(lambda: begins(core.records, its), 20)
            assert await begins(core.records, steady)
