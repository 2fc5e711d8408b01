"""What every search asks of Milvus, in its own messages over grpc.aio.

pymilvus needs a thread for each call, and more time for its own work on it than the call takes here.
"""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from pymilvus.client.connection_manager import ConnectionConfig
from pymilvus.client.ts_utils import get_collection_ts
from pymilvus.client.utils import check_status
from pymilvus.grpc_gen import common_pb2, milvus_pb2, milvus_pb2_grpc

from search_service import encoding, rows
from search_service.expression import KEY_FIELD
from search_service.milvus_access import MilvusAccess
from search_service.ports import RowKey, Vector
from search_service.reading import Consistency
from search_service.rows import VECTOR_FIELD
from servicekit import deadline

_LEVELS = {Consistency.BOUNDED: common_pb2.ConsistencyLevel.Session, Consistency.STRONG: common_pb2.Strong}
# A time at which nothing was written yet, and one that Milvus takes for the present.
_NOTHING_WRITTEN, _NOW = 1, 0
# gRPC gives up this long after whoever waits, so that the caller's own deadline speaks first.
_MOMENT_SECONDS = 0.1
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # A Milvus that comes back is used again within a second.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


class MilvusReads:
    """Searches and looks rows up.

    `written` gives Milvus's timestamp of the last write of this process to a collection, or 0. Errors are pymilvus's
    MilvusException and gRPC's RpcError.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        access: MilvusAccess,
        written: Callable[[str], int],
        *,
        timeout_seconds: float,
    ) -> None:
        self._channel = channel
        self._stub = milvus_pb2_grpc.MilvusServiceStub(channel)
        self._database = access.database
        self._metadata = _metadata(access)
        self._written = written
        self._timeout = timeout_seconds

    async def search(
        self,
        space: str,
        vector: Vector,
        limit: int,
        *,
        expression: str,
        params: Mapping[str, int],
        consistency: Consistency,
    ) -> list[tuple[RowKey, float]]:
        """Return the keys of the nearest rows, each with the distance as Milvus reports it."""
        request = milvus_pb2.SearchRequest(
            db_name=self._database,
            collection_name=space,
            dsl=expression,
            dsl_type=common_pb2.DslType.BoolExprV1,
            placeholder_group=_placeholders(vector),
            nq=1,
            search_params=_pairs(
                anns_field=VECTOR_FIELD, topk=limit, params=json.dumps(params), round_decimal=-1, ignore_growing=False
            ),
            **self._reading(space, consistency),
        )
        found = (await self._answered(self._stub.Search, request)).results
        return list(zip(map(encoding.key, found.ids.str_id.data), found.scores, strict=True))

    async def fetch(self, space: str, keys: Sequence[RowKey], *, consistency: Consistency) -> dict[RowKey, Vector]:
        """Return the vectors of those rows that are there."""
        return await self.select(space, rows.among(keys), consistency=consistency)

    async def select(
        self, space: str, expression: str, limit: int = 0, *, consistency: Consistency
    ) -> dict[RowKey, Vector]:
        """Return the vectors of the rows that an expression holds for, of at most `limit` of them unless it is zero."""
        request = milvus_pb2.QueryRequest(
            db_name=self._database,
            collection_name=space,
            expr=expression,
            output_fields=[KEY_FIELD, VECTOR_FIELD],
            query_params=_pairs(limit=limit) if limit else [],
            **self._reading(space, consistency),
        )
        return _vectors(await self._answered(self._stub.Query, request))

    async def close(self) -> None:
        """End the calls under way."""
        await self._channel.close()

    async def _answered(self, method: Callable[..., Awaitable[Any]], request: Any) -> Any:
        timeout = deadline.remaining(self._timeout) + _MOMENT_SECONDS
        response = await method(request, timeout=timeout, metadata=self._metadata)
        check_status(response.status)
        return response

    def _reading(self, space: str, consistency: Consistency) -> dict[str, int]:
        written = self._written(space) or _NOTHING_WRITTEN
        since = _NOW if consistency is Consistency.STRONG else written
        return {"consistency_level": _LEVELS[consistency], "guarantee_timestamp": since}


def channel(uri: str, access: MilvusAccess) -> grpc.aio.Channel:
    """Return a channel to a Milvus, which connects when it is first used.

    Args:
        uri: As pymilvus takes it: http://host:port, https://host:port or unix:path.
        access: How to be let in.
    """
    target = _address(uri)
    if not uri.startswith("https:"):
        return grpc.aio.insecure_channel(target, _OPTIONS)
    authority, key, certificate = (_content(file) for file in (access.ca_file, access.key_file, access.cert_file))
    credentials = grpc.ssl_channel_credentials(authority, key, certificate)
    name = [("grpc.ssl_target_name_override", access.server_name)] if access.server_name else []
    return grpc.aio.secure_channel(target, credentials, [*_OPTIONS, *name])


def last_write(uri: str, access: MilvusAccess) -> Callable[[str], int]:
    """Return what gives Milvus's timestamp of the last write that pymilvus made to a collection, 0 if none."""
    address = _address(uri)
    return lambda space: int(get_collection_ts(space, address, access.database))


def _address(uri: str) -> str:
    return str(ConnectionConfig.from_uri(uri).address)


def _content(file: Path | None) -> bytes | None:
    return file.read_bytes() if file else None


def _metadata(access: MilvusAccess) -> list[tuple[str, str]]:
    given = {"dbname": access.database, "authorization": base64.b64encode(access.token.encode()).decode()}
    return [(name, value) for name, value in given.items() if value]


def _pairs(**values: Any) -> list[common_pb2.KeyValuePair]:
    return [common_pb2.KeyValuePair(key=key, value=str(value)) for key, value in values.items()]


def _placeholders(vector: Vector) -> bytes:
    kind = common_pb2.PlaceholderType.FloatVector
    value = common_pb2.PlaceholderValue(tag="$0", type=kind, values=[vector.astype("<f4", copy=False).tobytes()])
    return bytes(common_pb2.PlaceholderGroup(placeholders=[value]).SerializeToString())


def _vectors(response: Any) -> dict[RowKey, Vector]:
    fields = {field.field_name: field for field in response.fields_data}
    if VECTOR_FIELD not in fields:
        return {}
    keys, vectors = fields[KEY_FIELD].scalars.string_data.data, fields[VECTOR_FIELD].vectors
    numbers = np.array(vectors.float_vector.data, np.float32)
    return dict(zip(map(encoding.key, keys), numbers.reshape(-1, vectors.dim), strict=True)) if keys else {}
