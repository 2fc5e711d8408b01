"""What changes the models of a collection, as scripts."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from search_service import encoding
from search_service.redis_keys import COLLECTIONS, RETIRED, keys
from search_service.values import Collection, Coverage


class RedisModels:
    """The part of RecordStore that changes definitions, over a store that runs scripts."""

    _run: Callable[[str, Sequence[str], Sequence[Any]], Awaitable[Any]]

    async def fence(self, uid: str, revision: int) -> None:
        """See RecordStore."""
        await self._run("fence", keys(uid, "fence"), [revision])

    async def coverage(self, uid: str) -> Coverage:
        """See RecordStore."""
        images, *pairs = await self._run("coverage", keys(uid, "ids", "coverage"), [])
        counts = zip(pairs[::2], pairs[1::2], strict=True)
        return Coverage(int(images), {str(tag): int(count) for tag, count in counts})

    async def redefine(self, changed: Collection, *, kept: Sequence[str] = (), retired: Sequence[str] = ()) -> bool:
        """See RecordStore."""
        spaces = [*(binding.space for binding in changed.bindings), *kept]
        text = encoding.collection_text(changed)
        definition = [changed.name, changed.uid, changed.revision - 1, text, len(spaces), *spaces, *retired]
        return bool(await self._run("redefine", [COLLECTIONS, RETIRED], definition))

    async def retire(self, spaces: Sequence[str]) -> None:
        """See RecordStore."""
        await self._run("retire", [RETIRED], spaces)

    async def retired(self, older_than_seconds: float, limit: int) -> list[str]:
        """See RecordStore."""
        found = await self._run("garbage", [RETIRED], [round(older_than_seconds * 1000), limit])
        return [str(space) for space in found]

    async def forget_spaces(self, spaces: Sequence[str]) -> None:
        """See RecordStore."""
        await self._run("forget", [RETIRED], spaces)
