"""The gateway's core over the twins of the services behind it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.indexing import Indexer
from gateway.ingest import Ingest
from gateway.persistence import Patience, PersistentIndexer
from gateway.ports import Entry
from tests.fakes_gateway import MemoryEmbedder, MemorySearch, picture
from tests.unit.gateway.streams import BOUNDS, Gated

Make = Callable[..., Ingest]


def entries(*named: tuple[str, bytes], uri: str = "") -> list[Entry]:
    """Return images to index, by id and content."""
    return [Entry(i, name, picture(content), uri, None) for i, (name, content) in enumerate(named)]


@pytest.fixture
def embedder() -> MemoryEmbedder:
    """An embedder that remembers."""
    return MemoryEmbedder()


@pytest.fixture
def search() -> MemorySearch:
    """A search service with an empty collection `c`."""
    return MemorySearch({"c": {}})


@pytest.fixture
def indexer(embedder: MemoryEmbedder, search: MemorySearch) -> Indexer:
    """An indexer over both."""
    return Indexer(embedder, search)


@pytest.fixture
def gated() -> Gated:
    """A search service that can be held up."""
    return Gated()


@pytest.fixture
def draining() -> asyncio.Event:
    """Set once streams are to end."""
    return asyncio.Event()


@pytest.fixture
def make(embedder: MemoryEmbedder, gated: Gated, draining: asyncio.Event) -> Make:
    """Makes what serves streams, with small bounds."""

    def made(
        *, batches: int = 3, patience_seconds: float = 5.0, attempt_seconds: float = 60.0, **bounds: float
    ) -> Ingest:
        persistent = PersistentIndexer(Indexer(embedder, gated), Patience(attempt_seconds, patience_seconds))
        return Ingest(persistent, replace(BOUNDS, **bounds), batches=batches, draining=draining)  # type: ignore[arg-type]

    return made
