"""Milvus by itself: the search that the search service makes, made by pymilvus alone."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pymilvus import MilvusClient

from benchmarks.load import CALL_SECONDS, WARM_CALLS
from benchmarks.vectors import Vector, vector
from search_service.settings import SearchSettings

TOP_K = 10


@dataclass(frozen=True)
class Direct:
    """Searches a Milvus collection with the vector of a number; threads call, for pymilvus blocks."""

    uri: str
    space: str
    dimension: int
    top_k: int = TOP_K

    def latencies(self, numbers: Sequence[int]) -> list[float]:
        """See Side."""
        with self._client() as client:
            return [self._seconds(client, each) for each in self._warmed(client, numbers)]

    def rate(self, numbers: Sequence[int], at_once: int) -> float:
        """See Side."""
        with self._client() as client, ThreadPoolExecutor(at_once) as threads:
            vectors = self._warmed(client, numbers)
            started = time.perf_counter()
            list(threads.map(lambda each: self._search(client, each), vectors))
            return len(vectors) / (time.perf_counter() - started)

    @contextmanager
    def _client(self) -> Iterator[MilvusClient]:
        client = MilvusClient(self.uri)
        try:
            yield client
        finally:
            client.close()

    def _warmed(self, client: MilvusClient, numbers: Sequence[int]) -> list[Vector]:
        vectors = [vector(number, self.dimension) for number in numbers]
        for each in vectors[:WARM_CALLS]:
            self._search(client, each)
        return vectors[WARM_CALLS:]

    def _seconds(self, client: MilvusClient, wanted: Vector) -> float:
        started = time.perf_counter()
        self._search(client, wanted)
        return time.perf_counter() - started

    def _search(self, client: MilvusClient, wanted: Vector) -> Any:
        """Search as the search service does: as many rows, the same effort, the same freshness, a time limit."""
        return client.search(
            self.space,
            data=[wanted],
            limit=self.top_k + SearchSettings.model_fields["search_margin"].default,
            search_params={"params": {"ef": 128}},
            consistency_level="Session",
            timeout=CALL_SECONDS,
        )
