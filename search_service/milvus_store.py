"""Vectors in Milvus: the embedded Lite or a server, by the same calls."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc
import numpy as np
from pymilvus import DataType, MilvusClient, MilvusException

from search_service import encoding
from search_service.ports import CollectionNotFound
from search_service.values import IndexSpec, Match, Metric, Record, Row, RowKey, Vector
from servicekit import deadline
from servicekit.errors import BackendUnavailable, invalid_field

_NOT_FOUND, _NOT_LOADED = 100, 101
_MAX_ID_CHARS = 128
# An image id, `#` and a generation of at most 16 digits.
_MAX_KEY_CHARS = 160
_MAX_URI_BYTES = 2048
_SHA256_CHARS = 64
_KINDS = {"lite": ("FLAT", "IVF_FLAT"), "server": ("HNSW", "FLAT", "IVF_FLAT", "IVF_SQ8", "DISKANN")}
_RETRY_AFTER_SECONDS = 1.0
_CHECK_SECONDS = 1.0


class MilvusVectorStore:
    """The vector store on one Milvus. pymilvus blocks, so every call runs on threads of the store's own.

    Reads are at Session consistency: they see every write of this process, and do not wait for those of others.
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
        self._kinds = _KINDS[flavour]
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="milvus")
        self._timeout = timeout_seconds

    @classmethod
    @asynccontextmanager
    async def open(
        cls, uri: str, *, token: str, flavour: str, threads: int, timeout_seconds: float, ensure: Callable[[], None]
    ) -> AsyncIterator["MilvusVectorStore"]:
        """Open a store that connects when it is first used, so that it outlives an absent Milvus.

        Args:
            uri: Address of a running Milvus.
            token: `user:password` or an API key; empty for none.
            flavour: `lite` or `server`: which kinds of index there are.
            threads: Calls to Milvus at once.
            timeout_seconds: Longest wait for one call.
            ensure: Called before every check; starts a Milvus of ours again if it has died.
        """
        # pymilvus logs every failed call with its stack; what matters of it is raised.
        logging.getLogger("pymilvus").setLevel(logging.CRITICAL + 1)

        def connect(timeout: float) -> MilvusClient:
            return MilvusClient(uri, token=token, timeout=timeout)

        store = cls(connect, ensure, flavour, threads, timeout_seconds)
        try:
            yield store
        finally:
            store._close()

    async def resolved(self, index: IndexSpec) -> IndexSpec:
        """See VectorStore."""
        kind = index.kind or self._kinds[0]
        if kind not in self._kinds:
            raise invalid_field("collection.index.kind", f"this Milvus offers {', '.join(self._kinds)}, not {kind}")
        return replace(index, kind=kind)

    async def create(self, space: str, dimension: int, metric: Metric, index: IndexSpec, description: str = "") -> None:
        """See VectorStore."""
        kind = (await self.resolved(index)).kind
        params = MilvusClient.prepare_index_params()
        params.add_index("vector", index_type=kind, metric_type=metric.value, params=_build_params(kind, index))
        await self._call("create_collection", space, schema=_schema(dimension, description), index_params=params)

    async def drop(self, space: str) -> None:
        """See VectorStore."""
        await self._call("drop_collection", space)

    async def insert(self, space: str, rows: Sequence[Row]) -> None:
        """See VectorStore."""
        await self._call("insert", space, data=[_fields(row) for row in rows])

    async def search(self, space: str, metric: Metric, vector: Vector, limit: int) -> list[Match]:
        """See VectorStore."""
        found = await self._call(
            "search", space, data=[vector], limit=limit, search_params={"params": _search_params(limit)}, **_SESSION
        )
        hits = found[0]
        return [
            Match(encoding.key(key), _distance(reported, metric))
            for key, reported in zip(hits.ids, hits.distances, strict=True)
        ]

    async def fetch(self, space: str, keys: Sequence[RowKey], *, latest: bool = False) -> dict[RowKey, Vector]:
        """See VectorStore."""
        level = "Strong" if latest else "Session"
        ids = [encoding.key_text(key) for key in keys]
        rows = await self._call("get", space, ids=ids, output_fields=["pk", "vector"], consistency_level=level)
        return {encoding.key(row["pk"]): np.asarray(row["vector"], np.float32) for row in rows}

    async def delete(self, space: str, keys: Sequence[RowKey]) -> None:
        """See VectorStore."""
        await self._call("delete", space, ids=[encoding.key_text(key) for key in keys])

    async def count(self, space: str) -> int:
        """See VectorStore."""
        rows = await self._call("query", space, filter="", output_fields=["count(*)"], consistency_level="Strong")
        return int(rows[0]["count(*)"])

    async def space_names(self) -> list[str]:
        """See RepairVectors."""
        return list(await self._call("list_collections"))

    async def description(self, space: str) -> str:
        """See RepairVectors."""
        return str((await self._call("describe_collection", space))["description"])

    async def scan(self, space: str, after: RowKey | None, limit: int) -> list[Record]:
        """See RepairVectors."""
        condition = f"pk > {_literal(encoding.key_text(after) if after else '')}"
        rows = await self._call("query", space, filter=condition, limit=limit, output_fields=_RECORD_FIELDS, **_STRONG)
        return [encoding.row_record(row) for row in sorted(rows, key=lambda row: str(row["pk"]))]

    async def held(self, space: str, keys: Sequence[RowKey]) -> set[RowKey]:
        """See RepairVectors."""
        if not keys:
            return set()
        condition = f"pk in {_literal([encoding.key_text(key) for key in keys])}"
        rows = await self._call("query", space, filter=condition, output_fields=["pk"], **_STRONG)
        return {encoding.key(row["pk"]) for row in rows}

    async def check(self) -> None:
        """See VectorStore."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._ensure)
        # Short, so that checks of a Milvus that hangs do not take all the threads.
        async with deadline.limit(_CHECK_SECONDS):
            await self._call("list_collections")

    async def _call(self, method: str, *args: Any, **options: Any) -> Any:
        timeout = deadline.remaining(self._timeout)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, lambda: self._blocking(method, *args, timeout=timeout, **options)
        )

    def _blocking(self, method: str, *args: Any, **options: Any) -> Any:
        try:
            return self._loaded(method, *args, **options)
        except MilvusException as error:
            if error.code == _NOT_FOUND:
                raise CollectionNotFound("the collection was deleted") from error
            raise _unavailable() from error
        except grpc.RpcError as error:  # pymilvus lets some of these through unwrapped
            raise _unavailable() from error

    def _loaded(self, method: str, *args: Any, **options: Any) -> Any:
        """Call; a Milvus that was restarted must load the collection first."""
        client = self._connected(options["timeout"])
        try:
            return getattr(client, method)(*args, **options)
        except MilvusException as error:
            if error.code != _NOT_LOADED:
                raise
        client.load_collection(args[0], timeout=options["timeout"])
        return getattr(client, method)(*args, **options)

    def _connected(self, timeout: float) -> MilvusClient:
        if self._client is None:
            if not self._connecting.acquire(timeout=timeout):
                raise _unavailable()
            try:
                self._client = self._client or self._connect(timeout)
            finally:
                self._connecting.release()
        return self._client

    def _close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)
        if self._client is not None:
            self._client.close()


_SESSION = {"consistency_level": "Session"}
_STRONG = {"consistency_level": "Strong"}
_RECORD_FIELDS = ["pk", "image_id", "generation", "content_sha256", "uri", "attributes", "width_px", "height_px"]


def _unavailable() -> BackendUnavailable:
    return BackendUnavailable("the vector store does not answer", retry_after_seconds=_RETRY_AFTER_SECONDS)


def _literal(value: str | list[str]) -> str:
    """Return text, or a list of it, as Milvus's expressions spell it: as JSON does."""
    return json.dumps(value, ensure_ascii=False)


def _schema(dimension: int, description: str) -> Any:
    schema = MilvusClient.create_schema(auto_id=False, description=description)
    schema.add_field("pk", DataType.VARCHAR, is_primary=True, max_length=_MAX_KEY_CHARS)
    schema.add_field("image_id", DataType.VARCHAR, max_length=_MAX_ID_CHARS)
    schema.add_field("generation", DataType.INT64)
    schema.add_field("content_sha256", DataType.VARCHAR, max_length=_SHA256_CHARS)
    schema.add_field("uri", DataType.VARCHAR, max_length=_MAX_URI_BYTES)
    schema.add_field("attributes", DataType.JSON)
    schema.add_field("width_px", DataType.INT32)
    schema.add_field("height_px", DataType.INT32)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimension)
    return schema


def _fields(row: Row) -> dict[str, Any]:
    version = row.record.version
    return {
        "pk": encoding.key_text(row.record.key),
        "image_id": version.image_id,
        "generation": row.record.generation,
        "content_sha256": version.content_sha256,
        "uri": version.uri,
        "attributes": dict(version.attributes),
        "width_px": row.record.width_px,
        "height_px": row.record.height_px,
        "vector": row.vector,
    }


def _build_params(kind: str, index: IndexSpec) -> dict[str, int]:
    if kind == "HNSW":
        return {"M": index.m, "efConstruction": index.ef_construction}
    return {"nlist": index.nlist} if kind.startswith("IVF") else {}


def _search_params(limit: int) -> dict[str, int]:
    """Return the effort of a search for every kind of index; Milvus reads the one that is the collection's."""
    return {"ef": max(128, 2 * limit), "nprobe": 32, "search_list": max(100, limit)}


def _distance(reported: float, metric: Metric) -> float:
    """Return the distance in [0, 2]: Milvus reports the square for L2 and the cosine for COSINE."""
    distance = max(0.0, reported) ** 0.5 if metric is Metric.L2 else 1.0 - reported
    return float(min(2.0, max(0.0, distance)))
