"""What every search asks of Milvus, in its own messages over grpc.aio; knows no library, its parts are given.

pymilvus needs a thread for each call, and more time for its own work on it than the call takes here.
"""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from search_service import encoding
from search_service.expression import KEY_FIELD
from search_service.milvus_access import MilvusAccess
from search_service.reading import Consistency
from search_service.rows import VECTOR_FIELD
from search_service.values import RowKey, Vector
from servicekit import deadline

# A time at which nothing was written yet, and one that Milvus takes for the present.
_NOTHING_WRITTEN, _NOW = 1, 0
# gRPC gives up this long after whoever waits, so that the caller's own deadline speaks first.
_MOMENT_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Library:
    """What is pymilvus's: modules of messages, and what raises its exception for a status that is no success."""

    requests: Any
    values: Any
    check: Callable[[Any], None]


class MilvusReads:
    """Searches and looks rows up.

    `written` gives Milvus's timestamp of the last write of this process to a collection, or 0. Errors are pymilvus's
    MilvusException and gRPC's RpcError.
    """

    def __init__(
        self,
        stub: Any,
        library: Library,
        access: MilvusAccess,
        written: Callable[[str], int],
        *,
        timeout_seconds: float,
    ) -> None:
        self._stub = stub
        self._library = library
        self._database = access.database
        self._metadata = _metadata(access)
        self._written = written
        self._timeout = timeout_seconds
        levels = library.values.ConsistencyLevel
        self._levels = {Consistency.BOUNDED: levels.Session, Consistency.STRONG: levels.Strong}

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
        request = self._library.requests.SearchRequest(
            db_name=self._database,
            collection_name=space,
            dsl=expression,
            dsl_type=self._library.values.DslType.BoolExprV1,
            placeholder_group=self._placeholders(vector),
            nq=1,
            search_params=self._pairs(
                anns_field=VECTOR_FIELD, topk=limit, params=json.dumps(params), round_decimal=-1, ignore_growing=False
            ),
            **self._reading(space, consistency),
        )
        found = (await self._answered(self._stub.Search, request)).results
        return list(zip(map(encoding.key, found.ids.str_id.data), found.scores, strict=True))

    async def select(
        self, space: str, expression: str, limit: int = 0, *, consistency: Consistency
    ) -> dict[RowKey, Vector]:
        """Return the vectors of the rows that an expression holds for, of at most `limit` of them unless it is zero."""
        request = self._library.requests.QueryRequest(
            db_name=self._database,
            collection_name=space,
            expr=expression,
            output_fields=[KEY_FIELD, VECTOR_FIELD],
            query_params=self._pairs(limit=limit) if limit else [],
            **self._reading(space, consistency),
        )
        return _vectors(await self._answered(self._stub.Query, request))

    def _pairs(self, **values: Any) -> list[Any]:
        return [self._library.values.KeyValuePair(key=key, value=str(value)) for key, value in values.items()]

    def _placeholders(self, vector: Vector) -> bytes:
        values = self._library.values
        packed = vector.astype("<f4", copy=False).tobytes()
        value = values.PlaceholderValue(tag="$0", type=values.PlaceholderType.FloatVector, values=[packed])
        return bytes(values.PlaceholderGroup(placeholders=[value]).SerializeToString())

    async def _answered(self, method: Callable[..., Awaitable[Any]], request: Any) -> Any:
        timeout = deadline.remaining(self._timeout) + _MOMENT_SECONDS
        response = await method(request, timeout=timeout, metadata=self._metadata)
        self._library.check(response.status)
        return response

    def _reading(self, space: str, consistency: Consistency) -> dict[str, int]:
        written = self._written(space) or _NOTHING_WRITTEN
        since = _NOW if consistency is Consistency.STRONG else written
        return {"consistency_level": self._levels[consistency], "guarantee_timestamp": since}


def _metadata(access: MilvusAccess) -> list[tuple[str, str]]:
    given = {"dbname": access.database, "authorization": base64.b64encode(access.token.encode()).decode()}
    return [(name, value) for name, value in given.items() if value]


def _vectors(response: Any) -> dict[RowKey, Vector]:
    fields = {field.field_name: field for field in response.fields_data}
    if VECTOR_FIELD not in fields:
        return {}
    keys, vectors = fields[KEY_FIELD].scalars.string_data.data, fields[VECTOR_FIELD].vectors
    numbers = np.array(vectors.float_vector.data, np.float32)
    return dict(zip(map(encoding.key, keys), numbers.reshape(-1, vectors.dim), strict=True)) if keys else {}
