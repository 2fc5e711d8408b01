"""The clients show a certificate and a token, and check the gateway's name."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from likeness import AsyncClient, Client, LikenessError
from likeness.credentials import from_files
from tests.pki import READER, SERVER, Folder
from tests.system import System, system


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    made = Folder.made(tmp_path_factory.mktemp("pki"))
    (made.path / "reader.token").write_text(READER)
    (made.path / "wrong.token").write_text("guess" * 6)
    return made


@pytest.fixture(scope="module")
async def secured(folder: Folder, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    lite = str(tmp_path_factory.mktemp("secured") / "lite.db")
    async with system(lite, redis_url, secured=folder) as running:
        yield running


def shown(folder: Path, token: str) -> dict[str, Any]:
    files = {"ca_file": folder / "ca.crt", "cert_file": folder / "tls.crt", "key_file": folder / "tls.key"}
    return {"credentials": from_files(**files, token_file=folder / token), "server_name": SERVER}


async def test_a_token_lets_the_asynchronous_client_in(secured: System, folder: Folder) -> None:
    async with AsyncClient(secured.servers["gateway"].address, **shown(folder.path, "reader.token")) as client:
        assert {model.name for model in await client.list_models()} >= {"colour", "shape"}
        with pytest.raises(LikenessError) as caught:
            await client.create_collection("photos")
    assert caught.value.code == "PERMISSION_DENIED"


async def test_a_wrong_token_does_not(secured: System, folder: Folder) -> None:
    async with AsyncClient(secured.servers["gateway"].address, **shown(folder.path, "wrong.token")) as client:
        with pytest.raises(LikenessError) as caught:
            await client.list_models()
    assert caught.value.reason == "UNAUTHENTICATED"


async def test_the_other_client_shows_the_same(secured: System, folder: Folder) -> None:
    with Client(secured.servers["gateway"].address, **shown(folder.path, "reader.token")) as client:
        models = await asyncio.to_thread(client.list_models)
    assert {model.name for model in models} >= {"colour", "shape"}
