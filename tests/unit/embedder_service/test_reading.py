"""Reading pictures from addresses: real files, and a real server on loopback."""

import asyncio
import ipaddress
import os
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web

from embedder_service.file_reader import FolderReader
from embedder_service.http_reader import AiohttpReader
from embedder_service.networks import ReachableNetworks
from embedder_service.ports import ImageTooLarge, UriNotAllowed, UriUnreadable
from embedder_service.reading import UriReading
from embedder_service.uris import AllowedPrefixes
from servicekit import errors

MAX_BYTES = 1000
LOOPBACK = [ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")]


class Site:
    """A web server that answers as a path says, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.headers: list[Any] = []
        self.port = 0
        self.never = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.raw_path)
        self.headers.append(request.headers)
        kind, _, rest = request.path.removeprefix("/allowed/").partition("/")
        if kind == "status":
            return web.Response(status=int(rest))
        if kind == "to":
            raise web.HTTPFound(request.query["at"])
        if kind == "loop":
            raise web.HTTPFound(request.path)
        if kind == "slow":
            await self.never.wait()
        if kind == "endless":
            return await self._endless(request)
        return web.Response(body=bytes(int(rest)) if kind == "bytes" else b"picture")

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(100))


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async for each in _served(None):
        yield each


async def _served(context: ssl.SSLContext | None) -> AsyncIterator[Site]:
    site = Site()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", site.answer)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await listening.start()
    site.port = runner.addresses[0][1]
    yield site
    site.never.set()
    await runner.cleanup()


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


Make = Any


@pytest.fixture
def make(stack: AsyncExitStack, threads: ThreadPoolExecutor) -> Make:
    async def reading(
        *prefixes: str, networks: Any = LOOPBACK, timeout_seconds: float = 20, ca: Path | None = None
    ) -> UriReading:
        allowed = AllowedPrefixes(prefixes)
        reach = ReachableNetworks(networks)
        http = await stack.enter_async_context(AiohttpReader.open(reach.allow, max_bytes=MAX_BYTES, ca_file=ca))
        files = FolderReader(threads, allowed.folders, MAX_BYTES)
        return UriReading(allowed, files, http, at_once=2, timeout_seconds=timeout_seconds)

    return reading


async def content(reading: UriReading, uri: str) -> bytes:
    async with reading.content(uri) as found:
        return found


async def failure(reading: UriReading, uri: str) -> errors.ServiceError:
    with pytest.raises(errors.ServiceError) as caught:
        await content(reading, uri)
    assert [violation.field for violation in caught.value.violations] == ["uri"]
    return caught.value


async def test_what_an_address_answers_is_the_picture(make: Make, site: Site) -> None:
    reading = await make(f"http://127.0.0.1:{site.port}/allowed/")
    assert await content(reading, f"http://127.0.0.1:{site.port}/allowed/a%2Fb.jpg?sig=x%3D") == b"picture"
    assert site.asked == ["/allowed/a%2Fb.jpg?sig=x%3D"]
    assert site.headers[0]["Accept-Encoding"] == "identity"
    assert {"Cookie", "Authorization", "Referer"} & set(site.headers[0]) == set()


async def test_what_is_under_no_prefix_is_not_even_asked_for(make: Make, site: Site) -> None:
    reading = await make(f"http://127.0.0.1:{site.port}/allowed/")
    error = await failure(reading, f"http://127.0.0.1:{site.port}/other")
    assert isinstance(error, UriNotAllowed)
    assert site.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1", "0177.0.0.1"])
async def test_a_private_host_is_never_connected_to_however_it_is_spelled(make: Make, site: Site, host: str) -> None:
    """Each of these names is looked up to 127.0.0.1, or is not known: the address that comes out is what counts."""
    reading = await make(f"http://{host}:{site.port}/", networks=[])
    error = await failure(reading, f"http://{host}:{site.port}/allowed/cat")
    assert isinstance(error, UriNotAllowed | UriUnreadable)
    assert site.asked == []
    if host in ("127.0.0.1", "localhost"):
        assert isinstance(error, UriNotAllowed)


async def test_a_name_that_changes_its_address_between_two_look_ups_is_judged_by_the_one_connected_to(
    make: Make, site: Site, threads: ThreadPoolExecutor
) -> None:
    """The connection is made to the address that was judged: there is no second look-up in between."""
    judged: list[str] = []

    def allow(address: str) -> bool:
        judged.append(address)
        return address == "203.0.113.9"

    async with AiohttpReader.open(allow, max_bytes=MAX_BYTES, ca_file=None) as http:
        allowed = AllowedPrefixes([f"http://localhost:{site.port}/"])
        reading = UriReading(allowed, FolderReader(threads, [], 1), http, at_once=1, timeout_seconds=20)
        await failure(reading, f"http://localhost:{site.port}/allowed/cat")
    assert set(judged) <= {"127.0.0.1", "::1"}
    assert "127.0.0.1" in judged
    assert site.asked == []


async def test_redirects_are_followed_within_the_prefixes(make: Make, site: Site) -> None:
    base = f"http://127.0.0.1:{site.port}/allowed"
    reading = await make(f"{base}/")
    assert await content(reading, f"{base}/to?at=/allowed/to%3Fat=cat") == b"picture"
    assert len(site.asked) == 3


@pytest.mark.parametrize(
    "to",
    ["/other", "//evil.test/allowed/", "http://169.254.169.254/latest/", "file:///etc/passwd", "data:,x"],
)
async def test_redirects_out_of_the_prefixes_are_not(make: Make, site: Site, to: str) -> None:
    base = f"http://127.0.0.1:{site.port}/allowed"
    reading = await make(f"{base}/", "file:///etc/")
    assert isinstance(await failure(reading, f"{base}/to?at={to}"), UriNotAllowed)
    assert len(site.asked) == 1


async def test_redirects_end(make: Make, site: Site) -> None:
    reading = await make(f"http://127.0.0.1:{site.port}/")
    error = await failure(reading, f"http://127.0.0.1:{site.port}/allowed/loop")
    assert error.message == "uri: leads on more than 3 times"
    assert len(site.asked) == 4


@pytest.mark.parametrize(("path", "problem"), [("status/404", "404"), ("status/500", "500"), ("status/204", "204")])
async def test_an_answer_that_is_no_picture_is_named(make: Make, site: Site, path: str, problem: str) -> None:
    reading = await make(f"http://127.0.0.1:{site.port}/")
    error = await failure(reading, f"http://127.0.0.1:{site.port}/allowed/{path}?token=secret")
    assert isinstance(error, UriUnreadable)
    assert error.message == f"uri: the answer was {problem}"


@pytest.mark.parametrize("path", [f"bytes/{MAX_BYTES + 1}", "endless"])
async def test_no_more_is_read_than_a_picture_may_have(make: Make, site: Site, path: str) -> None:
    reading = await make(f"http://127.0.0.1:{site.port}/")
    error = await failure(reading, f"http://127.0.0.1:{site.port}/allowed/{path}")
    assert isinstance(error, ImageTooLarge)
    assert len(await content(reading, f"http://127.0.0.1:{site.port}/allowed/bytes/{MAX_BYTES}")) == MAX_BYTES


async def test_an_answer_that_does_not_come_is_given_up(make: Make, site: Site) -> None:
    reading = await make(f"http://127.0.0.1:{site.port}/", timeout_seconds=0.2)
    error = await failure(reading, f"http://127.0.0.1:{site.port}/allowed/slow")
    assert error.message == "uri: did not answer within 0.2 s"


async def test_a_host_that_is_not_there_is_said_to_be_so(make: Make) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        error = await failure(await make(f"http://127.0.0.1:{port}/"), f"http://127.0.0.1:{port}/cat")
    assert error.message == "uri: cannot be reached"


async def test_https_is_checked_against_the_named_authorities(make: Make, tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async for site in _served(context):
        uri = f"https://localhost:{site.port}/allowed/cat"
        assert await content(await make(uri, ca=tmp_path / "ca.pem"), uri) == b"picture"
        assert isinstance(await failure(await make(uri), uri), UriUnreadable)
        other = uri.replace("localhost", "127.0.0.1")
        assert isinstance(await failure(await make(other, ca=tmp_path / "ca.pem"), other), UriUnreadable)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "my cat.jpg").write_bytes(b"picture")
    (tmp_path / "secret").write_bytes(b"secret")
    return tmp_path


async def test_files_under_a_folder_are_read(make: Make, folder: Path) -> None:
    reading = await make(f"file://{folder}/in/")
    assert await content(reading, f"file://{folder}/in/my%20cat.jpg") == b"picture"
    (folder / "in" / "link").symlink_to("my cat.jpg")
    assert await content(reading, f"file://{folder}/in/link") == b"picture"


async def test_links_lead_nowhere_else(make: Make, folder: Path) -> None:
    (folder / "in" / "file").symlink_to(folder / "secret")
    (folder / "in" / "up").symlink_to(folder)
    reading = await make(f"file://{folder}/in/")
    for path in ("file", "up/secret"):
        assert isinstance(await failure(reading, f"file://{folder}/in/{path}"), UriNotAllowed)


async def test_what_is_no_file_is_not_read(make: Make, folder: Path) -> None:
    os.mkfifo(folder / "in" / "pipe")
    (folder / "in" / "large").write_bytes(bytes(MAX_BYTES + 1))
    reading = await make(f"file://{folder}/in/")
    for path in ("pipe", "", "nothing", "my%20cat.jpg%00"):
        assert isinstance(await failure(reading, f"file://{folder}/in/{path}"), UriUnreadable), path
    assert isinstance(await failure(reading, f"file://{folder}/in/large"), ImageTooLarge)
