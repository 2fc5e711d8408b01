"""Records in Redis, from 6.2 on: on one server, on one that Sentinel names, or on a cluster.

All keys of one collection share a hash tag, and so do those of the registry: each script stays in one slot.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import resources
from itertools import chain
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff
from redis.exceptions import MovedError, NoScriptError, RedisClusterException, RedisError, ResponseError

from search_service import encoding, redis_address, redis_options
from search_service.durability import DurabilityCheck
from search_service.ports import CollectionExists, CollectionNotFound
from search_service.redis_address import Kind, RedisAccess, RedisAddress
from search_service.redis_calls import Exceptions, RedisCalls, Replication
from search_service.redis_keys import COLLECTIONS as _COLLECTIONS
from search_service.redis_keys import DROPPED as _DROPPED
from search_service.redis_keys import key as _key
from search_service.redis_keys import keys as _keys
from search_service.redis_models import RedisModels
from search_service.redis_repair import COMMIT_KEYS, RedisRepair, restoring
from search_service.values import Collection, Expired, Kept, Outcome, Record, RowKey
from servicekit import deadline
from servicekit.errors import BackendUnavailable, Resource

_PER_COLLECTION = ("generation", *COMMIT_KEYS)
_EXCEPTIONS = Exceptions((RedisError, RedisClusterException), ResponseError, NoScriptError, MovedError)


def collection_not_found(name: str) -> CollectionNotFound:
    """Return the error that there is no collection of this name."""
    return CollectionNotFound(f"there is no collection {name!r}", resource=Resource("collection", name))


class RedisRecordStore(RedisRepair, RedisModels):
    """The record store on Redis. `client` is a Redis or a RedisCluster, which share their commands but no type."""

    name = "redis"

    def __init__(self, client: Any, calls: RedisCalls, replication: Replication, durability: DurabilityCheck) -> None:
        self._redis = client
        self._calls = calls
        self._asking, self._run = calls.asking, calls.run
        self._replication = replication
        self._durability = durability

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        url: str,
        *,
        timeout_seconds: float,
        max_connections: int,
        access: RedisAccess | None = None,
        replication: Replication | None = None,
        require_durable: bool = True,
    ) -> AsyncIterator["RedisRecordStore"]:
        """Open a store that connects when it is first used, so that it outlives an absent Redis."""
        address, access, replication = redis_address.parse(url), access or RedisAccess(), replication or Replication()
        options = redis_options.of_server(address, access, timeout_seconds, max_connections)
        async with _connected(address, access, options) as client:
            calls = RedisCalls(
                client,
                _EXCEPTIONS,
                scripts(),
                timeout_seconds=timeout_seconds,
                max_connections=max_connections,
                replication=replication,
            )
            yield cls(client, calls, replication, DurabilityCheck(required=require_durable))

    async def prepare(self, collection: Collection) -> None:
        """See RecordStore."""
        await self._run("drop", _registry(), _registration(collection))
        generation = _key(collection.uid, "generation")
        await self._calls.write(generation, "SETNX", generation, 0)

    async def register(self, collection: Collection, within_seconds: float) -> None:
        """See RecordStore."""
        name, within_ms = collection.name, round(within_seconds * 1000)
        registered = int(await self._run("register", _registry(), [*_registration(collection), within_ms]))
        if registered == 0:
            raise CollectionExists(f"there is a collection {name!r} already", resource=Resource("collection", name))
        if registered < 0:
            raise BackendUnavailable(f"the collection {name!r} could not be made in {within_seconds:g} s")

    async def collection(self, name: str) -> Collection:
        """See RecordStore."""
        with deadline.stage("search"):
            async with self._asking():
                text = await self._redis.hget(_COLLECTIONS, name)
        if text is None:
            raise collection_not_found(name)
        return encoding.collection(str(text))

    async def collections(self) -> list[Collection]:
        """See RecordStore."""
        async with self._asking():
            texts = await self._redis.hvals(_COLLECTIONS)
        return sorted((encoding.collection(str(text)) for text in texts), key=lambda collection: collection.name)

    async def unregister(self, collection: Collection) -> None:
        """See RecordStore."""
        await self._run("drop", _registry(), _registration(collection))

    async def dropped(self, older_than_seconds: float) -> list[Collection]:
        """See RecordStore."""
        now_ms, *texts = await self._run("dropped", [_DROPPED], [])
        aged = [str(text).split("|", 1) for text in texts]
        horizon_ms = int(now_ms) - older_than_seconds * 1000
        return [encoding.collection(text) for dropped_ms, text in aged if int(dropped_ms) <= horizon_ms]

    async def clear(self, collection: Collection) -> None:
        """See RecordStore."""
        async with self._asking():
            await self._redis.unlink(*_keys(collection.uid, *_PER_COLLECTION))
            await self._redis.hdel(_DROPPED, collection.uid)

    async def count(self, uid: str) -> int:
        """See RecordStore."""
        async with self._asking():
            return int(await self._redis.zcard(_key(uid, "ids")))

    async def read(self, uid: str, image_ids: Sequence[str]) -> list[Record | None]:
        """See RecordStore."""
        if not image_ids:
            return []
        async with self._asking():
            texts = await self._redis.hmget(_key(uid, "records"), list(image_ids))
        return [
            None if text is None else encoding.record(image_id, str(text))
            for image_id, text in zip(image_ids, texts, strict=True)
        ]

    async def holders(self, uid: str, sha256s: Sequence[str]) -> list[Record | None]:
        """See RecordStore."""
        found = await self._run("holders", _keys(uid, "contents", "records"), sha256s)
        return [None if holder is None else encoding.record(str(holder[0]), str(holder[1])) for holder in found]

    async def page(self, uid: str, after: str, limit: int) -> list[Record]:
        """See RecordStore."""
        found: list[Record] = []
        more = True
        # Ids whose records are deleted between the two reads leave room for others.
        while more and (room := limit - len(found)):
            async with self._asking():
                start = f"({after}" if after else "-"
                ids = await self._redis.zrangebylex(_key(uid, "ids"), start, "+", start=0, num=room)
            found += filter(None, await self.read(uid, [str(image_id) for image_id in ids]))
            more = len(ids) == room
            after = str(ids[-1]) if ids else after
        return found

    async def begin(self, uid: str, image_ids: Sequence[str]) -> list[int]:
        """See RecordStore."""
        last = await self._run("begin", _keys(uid, "generation", "intents"), image_ids)
        if last is None:
            raise CollectionNotFound("the collection was deleted")
        return [int(last) - len(image_ids) + 1 + i for i in range(len(image_ids))]

    async def commit(
        self, uid: str, revision: int, records: Sequence[Record], expected_ms: Sequence[int | None] = ()
    ) -> list[Outcome]:
        """See RecordStore."""
        keys = _keys(uid, *COMMIT_KEYS)
        times = ["" if time is None else time for time in expected_ms or [None] * len(records)]
        writes = [[*r.key, time, encoding.record_body(r)] for r, time in zip(records, times, strict=True)]
        outcomes = await self._run("commit", keys, [revision, *chain.from_iterable(writes)])
        return [Outcome(outcome) for outcome in outcomes]

    async def delete(self, uid: str, image_ids: Sequence[str], generations: Sequence[int] = ()) -> list[bool]:
        """See RecordStore."""
        records = ("records", "ids", "garbage", "tombstones", "tombstone_times", "contents", "coverage")
        wanted = map(encoding.key_text, map(RowKey, image_ids, generations)) if generations else image_ids
        removed = await self._run("delete", _keys(uid, "generation", *records), list(wanted))
        return [bool(was_there) for was_there in removed] or [False] * len(image_ids)

    async def expire(self, uid: str, older_than_seconds: float, limit: int) -> Expired:
        """See RecordStore."""
        keys = _keys(uid, "intents", "garbage", "tombstones", "tombstone_times")
        return Expired(*map(int, await self._run("expire", keys, [round(older_than_seconds * 1000), limit])))

    async def garbage(self, uid: str, older_than_seconds: float, limit: int) -> list[RowKey]:
        """See RecordStore."""
        rows = await self._run("garbage", _keys(uid, "garbage"), [round(older_than_seconds * 1000), limit])
        return [encoding.key(str(row)) for row in rows]

    async def forget(self, uid: str, keys: Sequence[RowKey]) -> None:
        """See RecordStore."""
        await self._run("forget", _keys(uid, "garbage"), list(map(encoding.key_text, keys)))

    async def recall(self, uid: str, request_id: str) -> Kept | None:
        """See RecordStore."""
        async with self._asking():
            text = await self._redis.get(_key(uid, f"answer:{request_id}"))
        return None if text is None else encoding.kept(str(text))

    async def keep(self, uid: str, request_id: str, kept: Kept, seconds: float) -> Kept:
        """See RecordStore."""
        keys = _keys(uid, "generation", f"answer:{request_id}")
        standing = await self._run("keep", keys, [encoding.kept_text(kept), round(seconds * 1000)])
        if standing is None:
            raise CollectionNotFound("the collection was deleted")
        return encoding.kept(str(standing))

    async def confirm(self, uid: str) -> None:
        """See RecordStore. A replica that has a later write has all before it: to begin nothing is one."""
        if self._replication.replicas:
            await self._run("begin", _keys(uid, "generation", "intents"), [])

    async def check(self) -> None:
        """See RecordStore."""
        async with self._asking():
            await self._redis.hexists(_COLLECTIONS, "")
            self._durability.judge(await self._calls.reports())


class _Sentinels(Sentinel):
    """Asks for one call at a time: redis-py reorders its list as it asks, and drops sentinels from it if two do."""

    def __init__(self, nodes: Sequence[tuple[str, int]], **options: Any) -> None:
        super().__init__(nodes, **options)  # type: ignore[no-untyped-call]
        self._turn = asyncio.Lock()

    async def discover_master(self, service_name: str) -> Any:
        async with self._turn:
            return await super().discover_master(service_name)


@asynccontextmanager
async def _connected(address: RedisAddress, access: RedisAccess, options: redis_options.Options) -> AsyncIterator[Any]:
    # redis-py's own retries would stretch a dead server's half second to ten, and send writes twice.
    options = {**options, "retry": Retry(NoBackoff(), 0)}
    async with AsyncExitStack() as stack:
        if address.kind is Kind.CLUSTER:
            nodes = [ClusterNode(*node) for node in address.nodes]
            # A part of the slots that nobody serves leaves the others usable.
            client: Any = RedisCluster(startup_nodes=nodes, require_full_coverage=False, **options)
            # After a failure the client takes itself for closed, and would leave these open.
            stack.push_async_callback(client.nodes_manager.aclose, "startup_nodes")
            stack.push_async_callback(client.nodes_manager.aclose)
        elif address.kind is Kind.SENTINEL:
            asked = redis_options.of_sentinel(address, access, options)
            sentinel: Any = _Sentinels(address.nodes, sentinel_kwargs=asked, **options)
            stack.push_async_callback(sentinel.aclose)
            client = sentinel.master_for(address.service, db=address.database)
        else:
            client = Redis(**options, **redis_options.place(address))
        stack.push_async_callback(client.aclose)
        yield client


def scripts() -> dict[str, str]:
    """Return the text of every script as Redis is given it, by name."""
    folder = resources.files("search_service").joinpath("scripts")
    texts = {file.name.removesuffix(".lua"): file.read_text() for file in folder.iterdir()}
    common = texts.pop("common")
    texts["restore"] = restoring(texts["commit"], texts["restore"])
    return {name: f"{common}\n{text}" for name, text in texts.items()}


def _registry() -> list[str]:
    return [_COLLECTIONS, _DROPPED]


def _registration(collection: Collection) -> list[str]:
    return [collection.name, collection.uid, encoding.collection_text(collection)]
