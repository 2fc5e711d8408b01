"""Records in Redis, from 6.2 on. All keys of one collection share a hash tag, so each script stays in one slot."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from importlib import resources
from itertools import chain
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from search_service import encoding
from search_service.ports import Collection, CollectionExists, CollectionNotFound, Outcome, Record, RowKey
from servicekit import deadline
from servicekit.errors import BackendUnavailable, Resource

_COLLECTIONS = "{likeness}:collections"
_DROPPED = "{likeness}:dropped"
_PER_COLLECTION = ("generation", "intents", "records", "ids", "garbage", "tombstones", "tombstone_times")
_RETRY_AFTER_SECONDS = 1.0


def collection_not_found(name: str) -> CollectionNotFound:
    """Return the error that there is no collection of this name."""
    return CollectionNotFound(f"there is no collection {name!r}", resource=Resource("collection", name))


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        raise BackendUnavailable(
            "the record store does not answer", retry_after_seconds=_RETRY_AFTER_SECONDS
        ) from error


class RedisRecordStore:
    """The record store on one Redis."""

    name = "redis"

    def __init__(self, client: Redis) -> None:
        self._redis = client
        scripts = resources.files("search_service").joinpath("scripts")
        self._scripts = {
            name: client.register_script(scripts.joinpath(f"{name}.lua").read_text())
            for name in ("begin", "commit", "delete", "drop", "expire", "register")
        }

    @classmethod
    @asynccontextmanager
    async def open(
        cls, url: str, *, password: str, timeout_seconds: float, max_connections: int
    ) -> AsyncIterator["RedisRecordStore"]:
        """Open a store that connects when it is first used, so that it outlives an absent Redis."""
        pool = BlockingConnectionPool.from_url(
            url,
            password=password or None,
            max_connections=max_connections,
            timeout=timeout_seconds,
            socket_timeout=timeout_seconds,
            socket_connect_timeout=timeout_seconds,
            decode_responses=True,
            # redis-py's own retries would stretch a dead server's half second to ten.
            retry=Retry(NoBackoff(), 0),
        )
        client = Redis(connection_pool=pool)
        try:
            yield cls(client)
        finally:
            await client.aclose()
            await pool.aclose()

    async def prepare(self, collection: Collection) -> None:
        """See RecordStore."""
        await self._run("drop", _registry(), _registration(collection))
        with _translated():
            await self._redis.setnx(_key(collection.uid, "generation"), 0)

    async def register(self, collection: Collection) -> None:
        """See RecordStore."""
        if not await self._run("register", _registry(), _registration(collection)):
            name = collection.name
            raise CollectionExists(f"there is a collection {name!r} already", resource=Resource("collection", name))

    async def collection(self, name: str) -> Collection:
        """See RecordStore."""
        with _translated(), deadline.stage("search"):
            text = await self._redis.hget(_COLLECTIONS, name)
        if text is None:
            raise collection_not_found(name)
        return encoding.collection(str(text))

    async def collections(self) -> list[Collection]:
        """See RecordStore."""
        with _translated():
            texts = await self._redis.hvals(_COLLECTIONS)
        return sorted((encoding.collection(str(text)) for text in texts), key=lambda collection: collection.name)

    async def unregister(self, collection: Collection) -> None:
        """See RecordStore."""
        await self._run("drop", _registry(), _registration(collection))

    async def dropped(self, older_than_seconds: float) -> list[Collection]:
        """See RecordStore."""
        with _translated():
            texts = await self._redis.hvals(_DROPPED)
            now_ms = await self._now_ms()
        aged = [str(text).split("|", 1) for text in texts]
        horizon_ms = now_ms - older_than_seconds * 1000
        return [encoding.collection(text) for dropped_ms, text in aged if int(dropped_ms) <= horizon_ms]

    async def clear(self, collection: Collection) -> None:
        """See RecordStore."""
        with _translated():
            await self._redis.unlink(*_keys(collection.uid, *_PER_COLLECTION))
            await self._redis.hdel(_DROPPED, collection.uid)

    async def count(self, uid: str) -> int:
        """See RecordStore."""
        with _translated():
            return int(await self._redis.zcard(_key(uid, "ids")))

    async def read(self, uid: str, image_ids: Sequence[str]) -> list[Record | None]:
        """See RecordStore."""
        if not image_ids:
            return []
        with _translated():
            texts = await self._redis.hmget(_key(uid, "records"), list(image_ids))
        return [
            None if text is None else encoding.record(image_id, str(text))
            for image_id, text in zip(image_ids, texts, strict=True)
        ]

    async def page(self, uid: str, after: str, limit: int) -> list[Record]:
        """See RecordStore."""
        with _translated():
            start = f"({after}" if after else "-"
            ids = await self._redis.zrangebylex(_key(uid, "ids"), start, "+", start=0, num=limit)
        records = await self.read(uid, [str(image_id) for image_id in ids])
        return [record for record in records if record is not None]

    async def begin(self, uid: str, image_ids: Sequence[str]) -> list[int]:
        """See RecordStore."""
        last = await self._run("begin", _keys(uid, "generation", "intents"), image_ids)
        if last is None:
            raise CollectionNotFound("the collection was deleted")
        return [int(last) - len(image_ids) + 1 + i for i in range(len(image_ids))]

    async def commit(self, uid: str, records: Sequence[Record]) -> list[Outcome]:
        """See RecordStore."""
        keys = _keys(uid, "intents", "records", "ids", "garbage", "tombstones")
        writes = [[r.version.image_id, r.generation, encoding.record_body(r)] for r in records]
        outcomes = await self._run("commit", keys, list(chain.from_iterable(writes)))
        return [Outcome(outcome) for outcome in outcomes]

    async def delete(self, uid: str, image_ids: Sequence[str], generations: Sequence[int] = ()) -> list[bool]:
        """See RecordStore."""
        keys = _keys(uid, "generation", "records", "ids", "garbage", "tombstones", "tombstone_times")
        wanted = map(encoding.key_text, map(RowKey, image_ids, generations)) if generations else image_ids
        removed = await self._run("delete", keys, list(wanted))
        return [bool(was_there) for was_there in removed] or [False] * len(image_ids)

    async def expire(self, uid: str, older_than_seconds: float, limit: int) -> int:
        """See RecordStore."""
        keys = _keys(uid, "intents", "garbage", "tombstones", "tombstone_times")
        return int(await self._run("expire", keys, [round(older_than_seconds * 1000), limit]))

    async def garbage(self, uid: str, older_than_seconds: float, limit: int) -> list[RowKey]:
        """See RecordStore."""
        with _translated():
            horizon_ms = await self._now_ms() - round(older_than_seconds * 1000)
            rows = await self._redis.zrangebyscore(_key(uid, "garbage"), "-inf", horizon_ms, start=0, num=limit)
        return [encoding.key(str(row)) for row in rows]

    async def forget(self, uid: str, keys: Sequence[RowKey]) -> None:
        """See RecordStore."""
        with _translated():
            await self._redis.zrem(_key(uid, "garbage"), *map(encoding.key_text, keys))

    async def check(self) -> None:
        """See RecordStore."""
        with _translated():
            await self._redis.ping()

    async def _now_ms(self) -> int:
        seconds, microseconds = await self._redis.time()
        return int(seconds) * 1000 + int(microseconds) // 1000

    async def _run(self, script: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        with _translated():
            return await self._scripts[script](keys=list(keys), args=list(args))


def _key(uid: str, name: str) -> str:
    return f"likeness:{{{uid}}}:{name}"


def _keys(uid: str, *names: str) -> list[str]:
    return [_key(uid, name) for name in names]


def _registry() -> list[str]:
    return [_COLLECTIONS, _DROPPED]


def _registration(collection: Collection) -> list[str]:
    return [collection.name, collection.uid, encoding.collection_text(collection)]
