"""The commands as callers of a secured system: what they show, and what they say without it."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.pki import ADMIN, READER, SERVER, Folder
from tests.system import System, system


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    made = Folder.made(tmp_path_factory.mktemp("pki"))
    caller = made.client()
    (made.path / "caller.crt").write_bytes(caller.chain)
    (made.path / "caller.key").write_bytes(caller.key)
    (made.path / "reader").write_text(READER + "\n")
    (made.path / "admin").write_text(ADMIN + "\n")
    return made


@pytest.fixture(scope="module")
async def likeness(folder: Folder, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[System]:
    async with system(str(tmp_path_factory.mktemp("lite") / "lite.db"), redis_url, secured=folder) as running:
        yield running


async def run(module: str, *arguments: str | Path, **environment: str) -> tuple[int, Any, str]:
    """Run a command to its end; return its status, its document and what it says to people."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *map(str, arguments)),
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, messages = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode or 0, json.loads(output) if output else None, messages.decode()


def shown(folder: Folder, token: str) -> list[str | Path]:
    at = folder.path
    files = {"ca": at / "ca.crt", "cert": at / "caller.crt", "key": at / "caller.key", "token": at / token}
    return [text for name, file in files.items() for text in (f"--{name}-file", file)] + ["--server-name", SERVER]


async def test_likeness_shows_a_certificate_and_a_token(likeness: System, folder: Folder) -> None:
    address = ["--address", likeness.servers["gateway"].address]
    status, document, messages = await run("likeness", *address, *shown(folder, "reader"), "models", "--json")
    assert (status, messages) == (0, "")
    assert [model["name"] for model in document["models"]] == ["colour", "shape"]


async def test_likeness_takes_all_of_it_from_the_environment(likeness: System, folder: Folder) -> None:
    options = [str(option) for option in shown(folder, "reader")]
    names = [f"LIKENESS_{option[2:].upper().replace('-', '_')}" for option in options[::2]]
    given = dict(zip(names, options[1::2], strict=True))
    status, document, _ = await run(
        "likeness", "models", "--json", LIKENESS_ADDRESS=likeness.servers["gateway"].address, **given
    )
    assert (status, len(document["models"])) == (0, 2)


async def test_likeness_says_which_role_is_missing(likeness: System, folder: Folder) -> None:
    address = ["--address", likeness.servers["gateway"].address]
    deleting = ["collections", "delete", "pets", "--json"]
    status, document, messages = await run("likeness", *address, *shown(folder, "reader"), *deleting)
    assert (status, document["error"]["reason"]) == (1, "PERMISSION_DENIED")
    assert "needs the role admin; the token's is reader" in messages


async def test_likeness_without_a_token_says_how_to_show_one(likeness: System, folder: Folder) -> None:
    address = ["--address", likeness.servers["gateway"].address]
    status, document, messages = await run(
        "likeness", *address, *shown(folder, "reader")[:6], "--server-name", SERVER, "models", "--json"
    )
    assert (status, document["error"]["reason"]) == (1, "UNAUTHENTICATED")
    assert "--token-file" in messages


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--cert-file", "caller.crt"], "a certificate and its key go together"),
        (["--ca-file", "nowhere.pem"], "nowhere.pem cannot be read"),
        (["--token-file", "empty"], "holds no token"),
    ],
)
async def test_likeness_refuses_files_that_are_no_good(folder: Folder, options: list[str], problem: str) -> None:
    (folder.path / "empty").write_text("")
    status, _, messages = await run("likeness", options[0], folder.path / options[1], "models")
    assert status == 1
    assert problem in messages.replace("\n", " ")


async def test_maintenance_commands_show_a_certificate_and_a_token(likeness: System, folder: Folder) -> None:
    address = ["--address", likeness.servers["search"].address, "--json"]
    status, document, _ = await run("search_service", *shown(folder, "admin"), "sweep", *address)
    assert (status, document) == (0, {"swept": 0, "refused_collections": []})
    status, _, messages = await run("search_service", *shown(folder, "reader"), "sweep", *address)
    assert (status, "PERMISSION_DENIED: this call needs the role admin" in messages) == (1, True)


async def test_maintenance_commands_that_show_no_certificate_say_how_to(likeness: System) -> None:
    address = likeness.servers["search"].address
    status, _, messages = await run("search_service", "sweep", "--address", address)
    assert status == 1
    assert f"no search service answers at {address}" in messages
    assert "--cert-file" in messages
