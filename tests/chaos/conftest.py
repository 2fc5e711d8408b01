"""A site for the tests of a module, and callers whose answers are judged."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.chaos.caller import Caller, distance
from tests.chaos.connection import connected
from tests.chaos.site import Site, site
from tests.oracle import Oracle


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A Redis and a search service that may be killed."""
    directory: Path = tmp_path_factory.mktemp("site")
    with site(directory) as made:
        yield made


@pytest.fixture(scope="module")
async def caller(place: Site) -> AsyncIterator[Caller]:
    """A caller with a collection, one for all tests of the module: what one of them broke shows in the others too."""
    async with connected(place.address) as stub:
        made = Caller(stub, Oracle(distance))
        await made.create()
        yield made
