"""The client of every language does what the table says, and sees what it says."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.interop import table
from tests.interop.clients import LANGUAGES, Client, running
from tests.interop.conftest import READER_TOKEN
from tests.interop.photos import sha256
from tests.interop.site import Site, condition

pytestmark = pytest.mark.interop


@pytest.fixture(params=LANGUAGES)
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """A client in each of the languages."""
    async with running(request.param) as started:
        yield started


@pytest.fixture
def names(client: Client, pictures: Path) -> dict[str, str]:
    """What the names in the table stand for."""
    return {
        "mine": f"of-{client.language}",
        "photos": str(pictures),
        "language": client.language,
        "reader_token": READER_TOKEN,
        "sha256_of_3": sha256(pictures / "3.png"),
    }


async def test_the_script(client: Client, names: dict[str, str], site: Site) -> None:
    for step in table.script(names):
        await table.check(client, step, site.addresses)


@pytest.mark.parametrize("name", table.CONDITIONS)
async def test_what_is_amiss(client: Client, names: dict[str, str], site: Site, name: str) -> None:
    async with condition(name, site) as heard:
        for step in table.under(name, names):
            await table.check(client, step, site.addresses, heard)
