"""Certificates, authorities and tokens that are replaced on disk while calls go on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from cryptography import x509

from likeness.v1 import embedder_pb2, image_search_pb2
from servicekit.tokens import Role
from tests.pki import READER, SERVER, Folder, Leaf, entry
from tests.scraping import Scrape
from tests.servers import eventually
from tests.serving import Serving
from tests.system import System, system

WITHIN_SECONDS = 60


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder.made(tmp_path)


@pytest.fixture
async def likeness(folder: Folder, redis_url: str, tmp_path: Path) -> AsyncIterator[System]:
    async with system(str(tmp_path / "lite.db"), redis_url, secured=folder) as running:
        yield running


class Calls:
    """Calls through the gateway to both services behind it, without a pause."""

    def __init__(self) -> None:
        self.answered = 0
        self.failures: list[str] = []
        self._stopping = False

    async def keep_on(self, likeness: System) -> None:
        while not self._stopping:
            try:
                await likeness.gateway.ListModels(embedder_pb2.ListModelsRequest(), timeout=20)
                await likeness.gateway.ListCollections(image_search_pb2.ListCollectionsRequest(), timeout=20)
                self.answered += 2
            except grpc.aio.AioRpcError as error:
                self.failures.append(f"{error.code()} {error.details()}")

    async def some_more(self, wanted: int = 50) -> None:
        """Return once so many more were answered."""
        target = self.answered + wanted

        async def enough() -> bool:
            return self.answered >= target

        await eventually(enough, WITHIN_SECONDS)

    def stop(self) -> None:
        self._stopping = True


@asynccontextmanager
async def under_load(likeness: System) -> AsyncIterator[Calls]:
    """Keep four callers calling while the block runs; none of their calls may fail."""
    calls = Calls()
    callers = [asyncio.create_task(calls.keep_on(likeness)) for _ in range(4)]
    try:
        await calls.some_more()
        yield calls
        await calls.some_more()
    finally:
        calls.stop()
        await asyncio.gather(*callers)
    assert calls.failures == []


def serial_of(leaf: Leaf) -> int:
    return x509.load_pem_x509_certificates(leaf.chain)[0].serial_number


async def shown(folder: Folder, likeness: System, leaf: Leaf) -> None:
    """Return once every server shows a certificate to those who connect."""

    async def shows(address: str) -> bool:
        return await asyncio.to_thread(folder.serial, address) == serial_of(leaf)

    await everywhere(likeness, shows)


async def test_certificates_are_replaced_and_no_call_fails(likeness: System, folder: Folder) -> None:
    async with under_load(likeness) as calls:
        for _ in range(3):
            fresh = folder.server()
            folder.write(fresh)
            await shown(folder, likeness, fresh)
            await calls.some_more()


async def test_another_authority_takes_over_and_no_call_fails(likeness: System, folder: Folder) -> None:
    """In the order that docs/security.md gives: trust both, show the new, trust the new alone."""
    after = replace(folder, authority=trustme.CA())
    old_caller, new_caller = folder.client(), after.client()
    async with under_load(likeness) as calls:
        folder.write_authorities(folder.authority, after.authority)
        await everywhere(likeness, partial(connects, folder, leaf=new_caller))
        folder.write(fresh := after.server())
        await shown(after, likeness, fresh)
        folder.write_authorities(after.authority)
        await everywhere(likeness, partial(refuses, after, leaf=old_caller))
        await calls.some_more()


async def test_certificates_that_are_no_good_change_nothing(
    likeness: System, folder: Folder, capfd: pytest.CaptureFixture[str]
) -> None:
    served, other = folder.server(), folder.server()
    folder.write(served)
    await shown(folder, likeness, served)
    async with under_load(likeness):
        (folder.path / "tls.key").write_bytes(other.key)

        async def refused() -> bool:
            return capfd.readouterr().out.count("the key is not that of the certificate") > 0

        await eventually(refused, WITHIN_SECONDS)
        await shown(folder, likeness, served)
        for server in likeness.servers.values():
            await eventually(partial(alarming, server), WITHIN_SECONDS)
        seen = await Scrape.of(likeness.servers["gateway"].metrics_url)
        both = ("certificates", "certificates for other services")
        assert all(seen.value("likeness_certificate_expires_seconds", files=each) > 3600 for each in both)


async def alarming(server: Serving) -> bool:
    """Say whether a server tells that its newest certificates are not taken."""
    return (await Scrape.of(server.metrics_url)).value("likeness_files_refused", files="certificates") == 1


async def test_a_certificate_that_has_expired_changes_nothing(
    likeness: System, folder: Folder, capfd: pytest.CaptureFixture[str]
) -> None:
    served = folder.server()
    folder.write(served)
    await shown(folder, likeness, served)
    async with under_load(likeness):
        folder.write(Leaf.of(folder.authority, SERVER, expired=True))
        for server in likeness.servers.values():
            await eventually(partial(alarming, server), WITHIN_SECONDS)
        await shown(folder, likeness, served)
    assert "the certificate expired at" in capfd.readouterr().out


async def test_tokens_are_replaced(likeness: System, folder: Folder, capfd: pytest.CaptureFixture[str]) -> None:
    another = "another" * 4

    async def refused() -> bool:
        return "is not TOML" in capfd.readouterr().out

    await everywhere(likeness, partial(unknown, folder, token=another))
    folder.write_tokens(entry("another", Role.READER, another))
    await everywhere(likeness, partial(knows, folder, token=another))
    folder.write_tokens()
    await everywhere(likeness, partial(unknown, folder, token=another))
    folder.tokens.write_text("no TOML")
    await eventually(refused, WITHIN_SECONDS)
    await everywhere(likeness, partial(knows, folder, token=READER))


async def test_the_gateways_own_token_is_replaced_and_no_call_fails(
    likeness: System, folder: Folder, capfd: pytest.CaptureFixture[str]
) -> None:
    fresh = "fresh" * 4

    async def shown_to_the_others() -> bool:
        return "caller=gateway" in capfd.readouterr().out

    async with under_load(likeness):
        folder.write_tokens(entry("gateway", Role.ADMIN, fresh))
        await everywhere(likeness, partial(knows, folder, token=fresh))
        (folder.path / "peer.token").write_text(f"{fresh}\n")
        await eventually(shown_to_the_others, WITHIN_SECONDS)


async def everywhere(likeness: System, holds: Callable[[str], Awaitable[bool]]) -> None:
    """Return once something holds of the address of every server."""
    for server in likeness.servers.values():
        await eventually(partial(holds, server.address), WITHIN_SECONDS)


async def connects(folder: Folder, address: str, *, leaf: Leaf) -> bool:
    async with folder.channel(address, leaf) as channel:
        check: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            await check(b"", timeout=20)
        except grpc.aio.AioRpcError:
            return False
    return True


async def refuses(folder: Folder, address: str, *, leaf: Leaf) -> bool:
    return not await connects(folder, address, leaf=leaf)


async def knows(folder: Folder, address: str, *, token: str) -> bool:
    """Say whether a server knows a token, by a call that it does not have."""
    async with folder.channel(address, folder.client(), token=token) as channel:
        call: Any = channel.unary_unary("/likeness.v1.NoSuchService/Call")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(b"", timeout=20)
    return caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def unknown(folder: Folder, address: str, *, token: str) -> bool:
    return not await knows(folder, address, token=token)
