"""Vectors in Milvus: the embedded Lite or a server, by the same calls."""

import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from typing import Any

import grpc
import structlog
from pymilvus import DataType, MilvusClient, MilvusException
from pymilvus.exceptions import DataNotMatchException, ParamError

from search_service import dialect, encoding, expression, rows
from search_service.blocking import Budget, Threads
from search_service.breaker import Breaker
from search_service.filters import Filter
from search_service.milvus_access import MilvusAccess
from search_service.milvus_repair import MilvusRepair
from search_service.ports import CollectionNotFound
from search_service.reading import DEFAULT_PARAMS, Consistency, SearchParams
from search_service.values import IndexSpec, Match, Metric, Row, RowKey, Vector
from servicekit import deadline
from servicekit.errors import BackendUnavailable, ServiceError, invalid_field

_NOT_FOUND, _NOT_LOADED = 100, 101
# A request that makes no sense to Milvus: an invalid parameter, Milvus Lite's failed plan, and gRPC's own codes.
_FAULTS = {1100, 2000, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED}
_LEVELS = {Consistency.BOUNDED: "Session", Consistency.STRONG: "Strong"}
_RETRY_AFTER_SECONDS = 1.0
# Short of a second, after which whoever asks for the check gives up.
_CHECK_SECONDS = 0.9
# pymilvus holds a lock of the whole process while it connects anew, for as long as the first connect was allowed.
_CONNECT_SECONDS = 1.0
_log = structlog.get_logger()


class MilvusVectorStore(MilvusRepair):
    """The vector store on one Milvus. pymilvus blocks, so every call runs on threads of the store's own.

    BOUNDED is Milvus's level Session: reads see every write of this process, and do not wait for those of others.
    """

    name = "milvus"

    def __init__(
        self,
        connect: Callable[[float], MilvusClient],
        ensure: Callable[[], None],
        flavour: str,
        threads: int,
        timeout_seconds: float,
    ) -> None:
        self._connect = connect
        self._ensure = ensure
        self._connecting = threading.Lock()
        self._client: MilvusClient | None = None
        self._is_lite = flavour == "lite"
        self._offer: dialect.Dialect | None = None
        self._breaker = Breaker()
        self._threads = Threads("milvus", threads, timeout_seconds)
        # Apart, so that a check gets through when calls that hang hold all other threads.
        self._checker = Threads("milvus-check", 1, _CHECK_SECONDS)

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        uri: str,
        *,
        flavour: str,
        threads: int,
        timeout_seconds: float,
        ensure: Callable[[], None],
        token: str = "",
        access: MilvusAccess | None = None,
    ) -> AsyncIterator["MilvusVectorStore"]:
        """Open a store that connects when it is first used, so that it outlives an absent Milvus.

        Args:
            uri: Address of a running Milvus.
            flavour: `lite` or `server`.
            threads: Calls to Milvus at once.
            timeout_seconds: Longest wait for one call.
            ensure: Called before every check; starts a Milvus of ours again if it has died.
            token: `user:password` or an API key; empty for none.
            access: How to be let in, where that takes more than a token.
        """
        # pymilvus logs every failed call with its stack; what matters of it is raised.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
        options = (access or MilvusAccess(token)).options()

        def connect(timeout: float) -> MilvusClient:
            # Dedicated: a connection of pymilvus's pool is never closed, and taken for good when its server is gone.
            return MilvusClient(uri, timeout=min(timeout, _CONNECT_SECONDS), dedicated=True, **options)

        store = cls(connect, ensure, flavour, threads, timeout_seconds)
        try:
            yield store
        finally:
            store._close()

    async def resolved(self, index: IndexSpec) -> IndexSpec:
        """See VectorStore."""
        kinds = (await self._offered()).kinds
        kind = index.kind or kinds[0]
        if kind not in kinds:
            raise invalid_field("collection.index.kind", f"this Milvus offers {', '.join(kinds)}, not {kind}")
        return replace(index, kind=kind)

    async def create(self, space: str, dimension: int, metric: Metric, index: IndexSpec, description: str = "") -> None:
        """See VectorStore."""
        kind = (await self.resolved(index)).kind
        params = MilvusClient.prepare_index_params()
        build = dialect.build_params(kind, index)
        params.add_index(rows.VECTOR_FIELD, index_type=kind, metric_type=metric.value, params=build)
        await self._call("create_collection", space, schema=_schema(dimension, description), index_params=params)

    async def drop(self, space: str) -> None:
        """See VectorStore."""
        await self._call("drop_collection", space)

    async def insert(self, space: str, rows_: Sequence[Row]) -> None:
        """See VectorStore."""
        await self._call("insert", space, data=[rows.fields(row) for row in rows_])

    async def search(
        self,
        space: str,
        metric: Metric,
        vector: Vector,
        limit: int,
        *,
        condition: Filter | None = None,
        consistency: Consistency = Consistency.BOUNDED,
        params: SearchParams = DEFAULT_PARAMS,
    ) -> list[Match]:
        """See VectorStore."""
        found = await self._call(
            "search",
            space,
            data=[vector],
            limit=limit,
            filter=await self._expression(condition),
            search_params={"params": dialect.search_params(params, limit)},
            consistency_level=_LEVELS[consistency],
        )
        ids, reported = found[0].ids, found[0].distances
        return [Match(encoding.key(key), rows.distance(d, metric)) for key, d in zip(ids, reported, strict=True)]

    async def select(
        self, space: str, condition: Filter, limit: int, *, consistency: Consistency = Consistency.BOUNDED
    ) -> dict[RowKey, Vector] | None:
        """See VectorStore."""
        wanted = await self._expression(condition)
        if not wanted:
            return None
        found = await self._call("query", space, filter=wanted, limit=limit + 1, **_reading(consistency))
        return None if len(found) > limit else rows.vectors(found)

    async def fetch(self, space: str, keys: Sequence[RowKey], *, latest: bool = False) -> dict[RowKey, Vector]:
        """See VectorStore."""
        ids = [encoding.key_text(key) for key in keys]
        consistency = Consistency.STRONG if latest else Consistency.BOUNDED
        return rows.vectors(await self._call("get", space, ids=ids, **_reading(consistency)))

    async def delete(self, space: str, keys: Sequence[RowKey]) -> None:
        """See VectorStore."""
        await self._call("delete", space, ids=[encoding.key_text(key) for key in keys])

    async def count(self, space: str) -> int:
        """See VectorStore."""
        found = await self._call("query", space, filter="", output_fields=["count(*)"], consistency_level="Strong")
        return int(found[0]["count(*)"])

    async def check(self) -> None:
        """See VectorStore."""
        with self._judged():
            async with deadline.limit(_CHECK_SECONDS):
                await self._checker.run(lambda _: self._ensure())
                await self._run(self._checker, "list_collections")
                # Anew each time: it may be another version by now.
                self._offer = await self._described(self._checker)

    @contextmanager
    def _judged(self) -> Iterator[None]:
        began, was_open = time.monotonic(), self._breaker.is_open
        try:
            yield
        except BaseException as error:
            self._breaker.failed(began)
            if self._breaker.is_open and not was_open:
                _log.warning("Milvus does not answer", problem=_reason(error))
            raise

    async def _offered(self) -> dialect.Dialect:
        self._offer = self._offer or await self._described(self._threads)
        return self._offer

    async def _described(self, threads: Threads) -> dialect.Dialect:
        return dialect.LITE if self._is_lite else dialect.of_server(await self._run(threads, "get_server_version"))

    async def _expression(self, condition: Filter | None) -> str:
        if condition is None:
            return ""
        return expression.expression(condition, negates=(await self._offered()).negates)

    async def _call(self, method: str, *args: Any, **options: Any) -> Any:
        if self._breaker.is_open:
            raise _unavailable()
        return await self._run(self._threads, method, *args, **options)

    async def _run(self, threads: Threads, method: str, *args: Any, **options: Any) -> Any:
        try:
            return await threads.run(lambda budget: self._blocking(budget, method, *args, **options))
        except TimeoutError as error:
            raise _unavailable() from error

    def _blocking(self, budget: Budget, method: str, *args: Any, **options: Any) -> Any:
        try:
            result = self._loaded(budget, method, *args, **options)
        except (MilvusException, grpc.RpcError) as error:
            problem = _problem(error)
            if not isinstance(problem, BackendUnavailable):
                self._breaker.answered()
            if problem is None:
                raise
            raise problem from error
        self._breaker.answered()
        return result

    def _loaded(self, budget: Budget, method: str, *args: Any, **options: Any) -> Any:
        """Call; a Milvus that was restarted must load the collection first. Nothing is called without a timeout."""
        client = self._connected(budget)
        call = getattr(client, method)
        try:
            return call(*args, timeout=budget.left(), **options)
        except MilvusException as error:
            if error.code != _NOT_LOADED:
                raise
        client.load_collection(args[0], timeout=budget.left())
        return call(*args, timeout=budget.left(), **options)

    def _connected(self, budget: Budget) -> MilvusClient:
        if self._client is None:
            if not self._connecting.acquire(timeout=budget.left()):
                raise TimeoutError
            try:
                self._client = self._client or self._connect(budget.left())
            finally:
                self._connecting.release()
        return self._client

    def _close(self) -> None:
        self._threads.close()
        self._checker.close()
        if self._client is not None:
            self._client.close()


def _reading(consistency: Consistency) -> dict[str, Any]:
    return {"output_fields": [expression.KEY_FIELD, rows.VECTOR_FIELD], "consistency_level": _LEVELS[consistency]}


def _unavailable() -> BackendUnavailable:
    return BackendUnavailable("the vector store does not answer", retry_after_seconds=_RETRY_AFTER_SECONDS)


def _problem(error: MilvusException | grpc.RpcError) -> ServiceError | None:
    """Return what either kind of pymilvus's exceptions means to a caller; None for a fault of ours."""
    # The code of a MilvusException is a number, or gRPC's own; that of an RpcError is a method.
    code = error.code() if isinstance(error, grpc.RpcError) else error.code
    if code == _NOT_FOUND:
        return CollectionNotFound("the collection was deleted")
    if isinstance(error, ParamError | DataNotMatchException) or code in _FAULTS:
        return None
    return _unavailable()


def _reason(error: BaseException) -> str:
    """Return what stands at the root of an error, for the log."""
    # pymilvus raises errors from themselves.
    while error.__cause__ is not None and error.__cause__ is not error:
        error = error.__cause__
    return f"{error.code().name}: {error.details()}" if isinstance(error, grpc.RpcError) else repr(error)


def _schema(dimension: int, description: str) -> Any:
    schema = MilvusClient.create_schema(auto_id=False, description=description)
    for name, kind, limits in rows.FIELDS:
        schema.add_field(name, DataType[kind], **limits)
    schema.add_field(rows.VECTOR_FIELD, DataType.FLOAT_VECTOR, dim=dimension)
    return schema
