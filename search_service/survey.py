"""Searches with many images of a collection: what measuring models and finding duplicates have in common."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from search_service.contents import rows_of
from search_service.ports import RecordStore, VectorStore
from search_service.values import Binding, Collection, Match, Record, RowKey, Vector

T = TypeVar("T")
_PAGE = 500
# Vectors read at once: 8 MiB at the most, for 32,768 components.
BLOCK = 64


class Survey:
    """Reads every record, and searches with stored vectors: `at_once` at a time, for all callers together.

    What takes long with many rows is done `aside`, on one thread for all callers.
    """

    def __init__(self, records: RecordStore, vectors: VectorStore, *, at_once: int) -> None:
        self._records = records
        self._vectors = vectors
        self._places = asyncio.Semaphore(at_once)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="survey")

    async def collection(self, name: str) -> Collection:
        """Return a collection.

        Raises:
            CollectionNotFound: there is none of this name.
        """
        return await self._records.collection(name)

    async def records(self, collection: Collection) -> AsyncIterator[Record]:
        """Yield every record, by id in byte order; an image present throughout comes once."""
        after = ""
        while page := await self._records.page(collection.uid, after, _PAGE):
            for record in page:
                yield record
            after = page[-1].version.image_id

    async def read(self, collection: Collection, image_ids: Sequence[str]) -> list[Record | None]:
        """Return the records of these ids as they are now, in order, None where there is none."""
        blocks = [image_ids[i : i + _PAGE] for i in range(0, len(image_ids), _PAGE)]
        return [record for block in blocks for record in await self._records.read(collection.uid, block)]

    async def vectors(self, binding: Binding, keys: Sequence[RowKey]) -> dict[RowKey, Vector]:
        """Return the vectors of those rows that are there; what another process wrote just now takes a second look."""
        return await rows_of(self._vectors, binding, keys)

    async def count(self, binding: Binding) -> int:
        """Return how many rows a search of a model can find, those of replaced images among them."""
        return await self._vectors.count(binding.space)

    async def search(self, collection: Collection, binding: Binding, vector: Vector, limit: int) -> list[Match]:
        """Return at most `limit` rows nearest to `vector`, best first."""
        async with self._places:
            return await self._vectors.search(binding.space, collection.metric, vector, limit)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def aside(self, work: Callable[..., T], *args: Any) -> T:
        """Return what a piece of computing returns, while the event loop goes on."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)


async def together(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return what each of them returns, in order; where one fails, or the caller goes, the others end too."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
