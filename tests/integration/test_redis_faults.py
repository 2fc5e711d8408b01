"""The record store while its connections are slow, cut or cancelled, and while Redis refuses writes."""

import asyncio
import hashlib
import itertools
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from search_service.ports import RecordStore
from search_service.redis_store import RedisRecordStore, scripts
from search_service.sweep import Sweeper
from search_service.values import Outcome, Record, Version
from servicekit.errors import BackendUnavailable
from tests import redis_servers
from tests.proxy import FaultProxy, proxy_to
from tests.redis_servers import Instance
from tests.unit.search_service.conftest import Core, new_image

CANCELS = 2000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with redis_servers.redis_instance(tmp_path_factory.mktemp("faults")) as instance:
        yield instance


@pytest.fixture
async def proxy(server: Instance) -> AsyncIterator[FaultProxy]:
    """The way to an empty Redis."""
    server.ask("FLUSHALL")
    async with proxy_to("127.0.0.1", server.port) as running:
        yield running


@asynccontextmanager
async def core_at(url: str) -> AsyncIterator[Core]:
    """The core over this Redis, with an empty collection `c`."""
    async with RedisRecordStore.open(url, timeout_seconds=2, max_connections=8) as records:
        core = Core(records=records)  # type: ignore[arg-type]
        await core.create()
        yield core


async def fill(records: RecordStore, uid: str, count: int) -> list[str]:
    ids = [f"image-{i}" for i in range(count)]
    generations = await records.begin(uid, ids)
    await records.commit(uid, 1, [Record(Version(i, i), 4, 3, g) for i, g in zip(ids, generations, strict=True)])
    return ids


async def is_of(records: RecordStore, uid: str, image_id: str) -> bool:
    (record,) = await records.read(uid, [image_id])
    return record is not None and record.version.content_sha256 == image_id


async def wrong_answers(records: RecordStore, uid: str, ids: list[str], longest_seconds: float) -> int:
    """Read ids, giving up on each at a random moment; return how many answers told of another id."""
    chance = random.Random(17)
    cancelled = wrong = 0

    async def reader() -> None:
        nonlocal cancelled, wrong
        while cancelled < CANCELS:
            try:
                async with asyncio.timeout(chance.uniform(0, longest_seconds)):
                    wrong += not await is_of(records, uid, chance.choice(ids))
            except TimeoutError:
                cancelled += 1

    await asyncio.gather(*(reader() for _ in range(16)))
    # What was left on a connection shows now.
    return wrong + sum([not await is_of(records, uid, image_id) for image_id in ids])


async def test_calls_given_up_leave_no_answer_to_the_next(proxy: FaultProxy) -> None:
    async with core_at(f"redis://127.0.0.1:{proxy.port}/0") as core:
        uid = (await core.catalogue.get("c")).collection.uid
        ids = await fill(core.records, uid, 50)
        proxy.delay_seconds = 0.002
        assert await wrong_answers(core.records, uid, ids, 0.03) == 0


async def test_calls_given_up_leave_no_answer_to_the_next_on_a_cluster(tmp_path: Path) -> None:
    with redis_servers.cluster(tmp_path, replicated=False) as nodes:
        async with core_at(redis_servers.cluster_url(nodes)) as core:
            uid = (await core.catalogue.get("c")).collection.uid
            ids = await fill(core.records, uid, 50)
            assert await wrong_answers(core.records, uid, ids, 0.01) == 0


async def test_a_task_that_is_cancelled_in_a_call_ends(proxy: FaultProxy) -> None:
    async def read_on(records: RecordStore, uid: str) -> None:
        while True:
            await records.count(uid)

    async with core_at(f"redis://127.0.0.1:{proxy.port}/0") as core:
        for turns in range(100):
            task = asyncio.create_task(read_on(core.records, "uid"))
            await core.records.count("other")
            for _ in range(turns % 10):
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait({task}, timeout=3)
            assert done


def script_hash(name: str) -> bytes:
    return hashlib.sha1(scripts()[name].encode()).hexdigest().encode()


@pytest.mark.parametrize(
    ("script", "retried"), [("begin", Outcome.CREATED), ("commit", Outcome.UNCHANGED)], ids=["begin", "commit"]
)
async def test_a_write_whose_reply_is_lost_is_retried_into_one_version(
    proxy: FaultProxy, script: str, retried: Outcome
) -> None:
    async with core_at(f"redis://127.0.0.1:{proxy.port}/0") as core:
        uid = (await core.catalogue.get("c")).collection.uid
        # Redis knows the scripts from here on, so that each goes by its hash.
        await core.put(new_image("before", 1))
        proxy.lose_reply_to(script_hash(script))
        with pytest.raises(BackendUnavailable):
            await core.put(new_image("a", 2))
        assert proxy.lost.is_set()
        assert await core.put(new_image("a", 2)) == [retried]
        stores = (core.records, core.vectors)
        await Sweeper(
            *stores, core.guard, core.lease, interval_seconds=1, retention_seconds=0, horizon_seconds=0
        ).sweep()
        assert await core.records.count(uid) == 2
        assert core.rows() == 2 * 2
        assert await core.found(2, top_k=1) == ["a"]


async def test_a_delete_whose_reply_is_lost_has_happened(proxy: FaultProxy) -> None:
    async with core_at(f"redis://127.0.0.1:{proxy.port}/0") as core:
        await core.put(new_image("a", 1), new_image("b", 2))
        await core.images.delete("c", ["b"], None, force=False)
        proxy.lose_reply_to(script_hash("delete"))
        with pytest.raises(BackendUnavailable):
            await core.images.delete("c", ["a"], None, force=False)
        assert list((await core.images.delete("c", ["a"], None, force=False)).missing) == ["a"]
        assert await core.found(1) == []


async def test_a_connection_cut_between_calls_costs_nothing(proxy: FaultProxy) -> None:
    async with core_at(f"redis://127.0.0.1:{proxy.port}/0") as core:
        await core.put(new_image("a", 1))
        await proxy.cut()
        assert await core.found(1) == ["a"]


async def test_a_network_that_holds_everything_back_ends_calls_in_time(proxy: FaultProxy) -> None:
    url = f"redis://127.0.0.1:{proxy.port}/0"
    async with core_at(url), RedisRecordStore.open(url, timeout_seconds=0.3, max_connections=2) as records:
        await records.collection("c")
        proxy.hold()
        started = asyncio.get_running_loop().time()
        # More calls than connections: the wait for one counts too.
        ended = await asyncio.gather(*(records.collection("c") for _ in range(6)), return_exceptions=True)
        assert {type(error) for error in ended} == {BackendUnavailable}
        assert asyncio.get_running_loop().time() - started < 0.3 + 0.1
        await proxy.cut()
        proxy.release()
        await records.collection("c")


async def refuses_writes_only(core: Core) -> None:
    """Hold the store to what a Redis that refuses to write still does."""
    with pytest.raises(BackendUnavailable):
        await core.put(new_image("b", 2))
    with pytest.raises(BackendUnavailable):
        await core.create("d")
    assert await core.found(1, top_k=1) == ["a"]
    assert (await core.images.get("c", "a")).version.image_id == "a"


async def write_on(core: Core) -> None:
    for seed in itertools.count(100):
        await core.put(new_image("filler", seed, text="x" * 1000))


async def test_a_full_memory_refuses_writes_and_answers_reads(server: Instance, proxy: FaultProxy) -> None:
    async with core_at(f"redis://127.0.0.1:{proxy.port}/0") as core:
        await core.put(new_image("a", 1))
        server.ask("CONFIG SET", "maxmemory", 1)
        try:
            await refuses_writes_only(core)
        finally:
            server.ask("CONFIG SET", "maxmemory", 0)
        assert await core.put(new_image("b", 2)) == [Outcome.CREATED]


async def test_a_full_disk_refuses_writes_and_answers_reads(tmp_path: Path) -> None:
    """The disk is full for files over 32 KiB. With `appendfsync always` Redis would end itself instead."""
    shell = ["sh", "-c", 'trap "" XFSZ; ulimit -f 64; exec "$0" "$@"']
    with redis_servers.redis_instance(tmp_path, {"appendfsync": "everysec"}, before=shell) as server:
        async with core_at(server.url) as core:
            await core.put(new_image("a", 1))
            with pytest.raises(BackendUnavailable):
                await write_on(core)
            await refuses_writes_only(core)
