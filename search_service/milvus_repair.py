"""What looks through the rows: the part of the vector store that serving does not need."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from search_service import encoding, rows
from search_service.expression import KEY_FIELD
from search_service.values import Record, RowKey

_STRONG = {"consistency_level": "Strong"}


class MilvusRepair:
    """RepairVectors, over a store that calls Milvus."""

    _call: Callable[..., Awaitable[Any]]

    async def space_names(self) -> list[str]:
        """See RepairVectors."""
        return list(await self._call("list_collections"))

    async def description(self, space: str) -> str:
        """See RepairVectors."""
        return str((await self._call("describe_collection", space))["description"])

    async def scan(self, space: str, after: RowKey | None, limit: int) -> list[Record]:
        """See RepairVectors."""
        wanted = rows.after(after)
        found = await self._call(
            "query", space, filter=wanted, limit=limit, output_fields=rows.RECORD_FIELDS, **_STRONG
        )
        return rows.records(found)

    async def held(self, space: str, keys: Sequence[RowKey]) -> set[RowKey]:
        """See RepairVectors."""
        if not keys:
            return set()
        found = await self._call("query", space, filter=rows.among(keys), output_fields=[KEY_FIELD], **_STRONG)
        return {encoding.key(row[KEY_FIELD]) for row in found}
