"""aiohttp: bytes over HTTP, from hosts that may be reached, as they were when the connection was made."""

import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import aiohttp
from yarl import URL

from embedder_service.ports import HttpReader, Moved, too_large, unreadable
from embedder_service.uris import not_allowed

_CHUNK_BYTES = 256 * 1024
_MOVED = {301, 302, 303, 307, 308}
# Compressed answers are asked for by nobody: pictures are compressed, and a bomb need not be told apart.
_HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "likeness"}


class _Unreachable(OSError):
    """The host is one that is not to be reached."""


class AiohttpReader(HttpReader):
    """Reads with one session, that has no cookies, no proxies and no passwords from the environment."""

    def __init__(self, session: aiohttp.ClientSession, max_bytes: int) -> None:
        self._session = session
        self._max_bytes = max_bytes

    @classmethod
    @asynccontextmanager
    async def open(
        cls, allow: Callable[[str], bool], *, max_bytes: int, ca_file: Path | None
    ) -> AsyncIterator["AiohttpReader"]:
        """Open a session.

        Args:
            allow: Says whether a connection to an address may be made.
            max_bytes: Of one answer.
            ca_file: PEM file of authorities beside the system's.
        """
        context = ssl.create_default_context()
        if ca_file:
            context.load_verify_locations(ca_file)
        connector = aiohttp.TCPConnector(ssl=context, socket_factory=_sockets(allow))
        async with aiohttp.ClientSession(
            connector=connector,
            headers=_HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            # The whole reading has its time.
            timeout=aiohttp.ClientTimeout(total=None),
        ) as session:
            yield cls(session, max_bytes)

    async def get(self, url: str) -> bytes | Moved:
        """See HttpReader."""
        try:
            async with self._session.get(URL(url, encoded=True), allow_redirects=False) as response:
                if response.status in _MOVED and "Location" in response.headers:
                    return Moved(urljoin(url, response.headers["Location"]))
                if response.status != 200:  # noqa: PLR2004 the code for `here it is, whole`
                    raise unreadable(f"the answer was {response.status}", status=str(response.status))
                return await self._body(response)
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, _Unreachable):
                raise not_allowed() from None
            raise unreadable("cannot be reached") from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise unreadable("cannot be read") from None

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        if (response.content_length or 0) > self._max_bytes:
            raise too_large(self._max_bytes)
        content = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            content += chunk
            if len(content) > self._max_bytes:
                raise too_large(self._max_bytes)
        return bytes(content)


def _sockets(allow: Callable[[str], bool]) -> Callable[[Any], socket.socket]:
    """Return what makes the socket for an address that was looked up: no other address can be connected to then."""

    def make(found: Any) -> socket.socket:
        family, kind, protocol, _, address = found
        if not allow(address[0]):
            raise _Unreachable("not to be reached")
        return socket.socket(family, kind, protocol)

    return make
