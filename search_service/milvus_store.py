"""Vectors in Milvus: the embedded Lite or a server, by the same calls."""

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import grpc
from pymilvus import DataType, MilvusClient, MilvusException
from pymilvus.client.connection_manager import ConnectionConfig
from pymilvus.client.ts_utils import get_collection_ts
from pymilvus.client.utils import check_status
from pymilvus.exceptions import DataNotMatchException, ParamError
from pymilvus.grpc_gen import common_pb2, milvus_pb2, milvus_pb2_grpc

from search_service import dialect, encoding, expression, rows
from search_service.filters import Filter
from search_service.joined import Joined, Joining
from search_service.milvus_access import MilvusAccess
from search_service.milvus_calls import Exceptions, MilvusCalls, unavailable
from search_service.milvus_reads import Library, MilvusReads, SearchKind
from search_service.milvus_repair import MilvusRepair
from search_service.ports import CollectionNotFound
from search_service.reading import DEFAULT_PARAMS, Consistency, SearchParams
from search_service.recorder import SILENT, Recorder
from search_service.values import IndexSpec, Match, Metric, Row, RowKey, Vector
from search_service.vector_cache import VectorCache
from servicekit import channel
from servicekit.errors import ServiceError, invalid_field

_NOT_FOUND, _NOT_LOADED = 100, 101
# A request that makes no sense to Milvus: an invalid parameter, Milvus Lite's failed plan, and gRPC's own codes.
_FAULTS = {1100, 2000, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED}
# pymilvus holds a lock of the whole process while it connects anew, for as long as the first connect was allowed.
_CONNECT_SECONDS = 1.0
# A look at the rows of a filter brings up to 16 MiB of vectors, and their keys.
_MESSAGE_BYTES = 64 * 1024 * 1024


class MilvusVectorStore(MilvusRepair):
    """The vector store on one Milvus. pymilvus blocks, so what it does runs on threads; searches do without.

    BOUNDED is Milvus's level Session: reads see every write of this process, and do not wait for those of others.
    """

    name = "milvus"

    def __init__(
        self,
        calls: MilvusCalls,
        reads: MilvusReads,
        ensure: Callable[[], None],
        *,
        cache: VectorCache,
        joining: Joining,
        is_server: bool,
        recorder: Recorder,
    ) -> None:
        self._calls = calls
        self._cache = cache
        self._call = calls.call
        self._reads = reads
        self._ensure = ensure
        self._is_server = is_server
        self._recorder = recorder
        self._offer: dialect.Dialect | None = None
        self._searches = Joined(self._search, joining)
        self._looks = Joined(self._look, joining)

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
        cache_bytes: int = 0,
        recorder: Recorder = SILENT,
    ) -> AsyncIterator["MilvusVectorStore"]:
        """Open a store that connects when it is first used, so that it outlives an absent Milvus.

        Args:
            uri: Address of a running Milvus.
            flavour: `lite` or `server`.
            threads: Calls of pymilvus at once.
            timeout_seconds: Longest wait for one call.
            ensure: Called before every check; starts a Milvus of ours again if it has died.
            token: `user:password` or an API key; empty for none.
            access: How to be let in, where that takes more than a token.
            cache_bytes: Memory for vectors that were looked up; 0 for none.
            recorder: Is told how many of them were kept.
        """
        # pymilvus logs every failed call with its stack; what matters of it is raised.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)
        access = access or MilvusAccess(token)

        def connect(timeout: float) -> MilvusClient:
            # Dedicated: a connection of pymilvus's pool is never closed, and taken for good when its server is gone.
            return MilvusClient(uri, timeout=min(timeout, _CONNECT_SECONDS), dedicated=True, **access.options())

        calls = MilvusCalls(connect, _EXCEPTIONS, threads=threads, timeout_seconds=timeout_seconds)
        async with _channel(uri, access) as connection:
            stub = milvus_pb2_grpc.MilvusServiceStub(connection)
            reads = MilvusReads(stub, _LIBRARY, access, _last_write(uri, access), timeout_seconds=timeout_seconds)
            try:
                yield cls(
                    calls,
                    reads,
                    ensure,
                    cache=VectorCache(cache_bytes),
                    joining=Joining(timeout_seconds),
                    is_server=flavour == "server",
                    recorder=recorder,
                )
            finally:
                calls.close()

    @property
    def left_alone(self) -> bool:
        """Whether calls are refused for now, since Milvus failed its check."""
        return self._calls.left_alone

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
        self._cache.forget(space)
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
        effort = tuple(dialect.search_params(params, limit).items())
        kind = SearchKind(space, limit, await self._expression(condition), effort, consistency)
        found = await self._searches.ask(kind, vector)
        return [Match(key, rows.distance(reported, metric)) for key, reported in found]

    async def select(
        self, space: str, condition: Filter, limit: int, *, consistency: Consistency = Consistency.BOUNDED
    ) -> dict[RowKey, Vector] | None:
        """See VectorStore."""
        wanted = await self._expression(condition)
        if not wanted:
            return None
        select = partial(self._reads.select, space, wanted, limit + 1, consistency=consistency)
        found = await self._calls.wait(space, select)
        return None if len(found) > limit else found

    async def fetch(self, space: str, keys: Sequence[RowKey], *, latest: bool = False) -> dict[RowKey, Vector]:
        """See VectorStore."""
        consistency = Consistency.STRONG if latest else Consistency.BOUNDED
        known = self._cache.get(space, keys)
        unknown = [key for key in keys if key not in known]
        self._recorder.looked_up(kept=len(known), read=len(unknown))
        # Many keys bring many vectors, and go in a call of their own.
        if len(unknown) == 1:
            found = await self._looks.ask((space, consistency), unknown[0])
        else:
            found = await self._rows((space, consistency), unknown) if unknown else {}
        self._cache.put(space, found)
        return known | found

    async def _search(self, kind: SearchKind, vectors: Sequence[Vector]) -> list[list[tuple[RowKey, float]]]:
        return await self._calls.wait(kind.space, partial(self._reads.search, kind, vectors))

    async def _look(self, kind: tuple[str, Consistency], keys: Sequence[RowKey]) -> list[dict[RowKey, Vector]]:
        found = await self._rows(kind, sorted(set(keys)))
        return [{key: found[key]} if key in found else {} for key in keys]

    async def _rows(self, kind: tuple[str, Consistency], keys: Sequence[RowKey]) -> dict[RowKey, Vector]:
        space, consistency = kind
        select = partial(self._reads.select, space, rows.among(keys), consistency=consistency)
        return await self._calls.wait(space, select)

    async def delete(self, space: str, keys: Sequence[RowKey]) -> None:
        """See VectorStore."""
        self._cache.forget(space, keys)
        await self._call("delete", space, ids=[encoding.key_text(key) for key in keys])

    async def count(self, space: str) -> int:
        """See VectorStore."""
        found = await self._call("query", space, filter="", output_fields=["count(*)"], consistency_level="Strong")
        return int(found[0]["count(*)"])

    async def check(self) -> None:
        """See VectorStore."""
        # Its version anew each time: it may be another by now.
        answers = await self._calls.check(self._ensure, ["list_collections"] + ["get_server_version"] * self._is_server)
        self._offer = dialect.of_server(answers[1]) if self._is_server else dialect.LITE

    async def _offered(self) -> dialect.Dialect:
        if self._offer is None:
            self._offer = dialect.of_server(await self._call("get_server_version")) if self._is_server else dialect.LITE
        return self._offer

    async def _expression(self, condition: Filter | None) -> str:
        if condition is None:
            return ""
        return expression.expression(condition, negates=(await self._offered()).negates)


def _problem(error: MilvusException | grpc.RpcError) -> ServiceError | None:
    """Return what either kind of pymilvus's exceptions means to a caller; None for a fault of ours."""
    # The code of a MilvusException is a number, or gRPC's own; that of an RpcError is a method.
    code = error.code() if isinstance(error, grpc.RpcError) else error.code
    if code == _NOT_FOUND:
        return CollectionNotFound("the collection was deleted")
    if isinstance(error, ParamError | DataNotMatchException) or code in _FAULTS:
        return None
    return unavailable()


def _reason(error: BaseException) -> str:
    """Return what stands at the root of an error, for the log."""
    # pymilvus raises errors from themselves.
    while error.__cause__ is not None and error.__cause__ is not error:
        error = error.__cause__
    return f"{error.code().name}: {error.details()}" if isinstance(error, grpc.RpcError) else repr(error)


_LIBRARY = Library(milvus_pb2, common_pb2, check_status)
_EXCEPTIONS = Exceptions(
    (MilvusException, grpc.RpcError), lambda error: getattr(error, "code", None) == _NOT_LOADED, _problem, _reason
)


def _channel(uri: str, access: MilvusAccess) -> grpc.aio.Channel:
    target = str(ConnectionConfig.from_uri(uri).address)
    credentials = _credentials(access) if uri.startswith("https:") else None
    name = access.server_name
    return channel.connect(target, max_message_bytes=_MESSAGE_BYTES, credentials=credentials, server_name=name)


def _credentials(access: MilvusAccess) -> grpc.ChannelCredentials:
    files = (access.ca_file, access.key_file, access.cert_file)
    return grpc.ssl_channel_credentials(*[file.read_bytes() if file else None for file in files])


def _last_write(uri: str, access: MilvusAccess) -> Callable[[str], int]:
    """Return what gives Milvus's timestamp of the last write that pymilvus made to a collection, 0 if none."""
    address = ConnectionConfig.from_uri(uri).address
    return lambda space: int(get_collection_ts(space, address, access.database))


def _schema(dimension: int, description: str) -> Any:
    schema = MilvusClient.create_schema(auto_id=False, description=description)
    for name, kind, limits in rows.FIELDS:
        schema.add_field(name, DataType[kind], **limits)
    schema.add_field(rows.VECTOR_FIELD, DataType.FLOAT_VECTOR, dim=dimension)
    return schema
