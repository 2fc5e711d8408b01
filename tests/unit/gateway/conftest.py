"""The gateway's core over the twins of the services behind it."""

import pytest

from gateway.indexing import Indexer
from gateway.ports import Entry
from tests.fakes_gateway import MemoryEmbedder, MemorySearch, picture


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
