"""Pictures at addresses: allowed ones alone, in bounded time and bytes, and never further than a prefix reaches."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from embedder_service.ports import FileReader, HttpReader, Moved, unreadable
from embedder_service.uris import AllowedPrefixes, Location, not_allowed
from servicekit import deadline

_MAX_MOVES = 3


class NoHttp(HttpReader):
    """Asks nobody: for where no prefix leads to another machine."""

    async def get(self, url: str) -> bytes | Moved:  # noqa: ARG002
        """See HttpReader."""
        raise not_allowed()


class UriReading:
    """Reads what addresses hold.

    Args:
        prefixes: The ones that are allowed.
        files: What reads files.
        http: What reads over HTTP.
        at_once: Pictures that are read, or were and are not decoded yet; others wait.
        timeout_seconds: For one picture, all its redirects included.
    """

    def __init__(
        self, prefixes: AllowedPrefixes, files: FileReader, http: HttpReader, *, at_once: int, timeout_seconds: float
    ) -> None:
        self._prefixes = prefixes
        self._files = files
        self._http = http
        self._places = asyncio.Semaphore(at_once)
        self._timeout = timeout_seconds

    @asynccontextmanager
    async def content(self, uri: str) -> AsyncIterator[bytes]:
        """Give the bytes at an address; memory for them is set aside while the block runs.

        Raises:
            UriNotAllowed: it, or where it leads to, is not to be read.
            UriUnreadable: there is nothing there, or not in time.
            ImageTooLarge: it has too many bytes.
        """
        location = self._prefixes.require(uri)
        async with self._places:
            yield await self._in_time(location)

    async def _in_time(self, location: Location) -> bytes:
        with deadline.stage("fetch"):
            try:
                async with asyncio.timeout(self._timeout):
                    return await self._read(location)
            except TimeoutError:
                raise unreadable(f"did not answer within {self._timeout:g} s") from None

    async def _read(self, location: Location) -> bytes:
        if location.scheme == "file":
            return await self._files.read(location.file)
        for _ in range(_MAX_MOVES + 1):
            answer = await self._http.get(str(location))
            if not isinstance(answer, Moved):
                return answer
            location = self._prefixes.require(answer.to)
            if location.scheme == "file":
                raise not_allowed()
        raise unreadable(f"leads on more than {_MAX_MOVES} times")
