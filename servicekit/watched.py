"""Files that are replaced while a server runs, such as certificates: what they hold, always whole."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import structlog

T = TypeVar("T")

_log = structlog.get_logger()


class Unusable(Exception):
    """Files do not hold what they are for. The message is for the operator; it repeats nothing of what they hold."""


class Watched(Generic[T]):
    """What some files hold, read again while they may change.

    A change counts once two looks in a row have seen the same, so that files are not taken while somebody writes them.
    What is no good then changes nothing but the log and `refused`. It is tried again at every look, since a certificate
    may be of no use yet.

    Args:
        what: What the files are, for the log and for errors.
        files: Where it stands.
        parse: Makes a value of their contents; raises Unusable.
    """

    def __init__(self, what: str, files: Sequence[Path], parse: Callable[[Sequence[bytes]], T]) -> None:
        self._what = what
        self._files = files
        self._parse = parse
        self._taken = self._seen = self._read()
        self._problem = ""
        self.value = self._parsed(self._taken)

    async def watch(self, interval_seconds: float) -> None:
        """Look at the files, again and again, until cancelled."""
        while True:
            await asyncio.sleep(interval_seconds)
            self.look(await asyncio.to_thread(self._read))

    @property
    def what(self) -> str:
        """What the files are."""
        return self._what

    @property
    def refused(self) -> bool:
        """Whether what the files hold now is no good, so that `value` is what they held before."""
        return bool(self._problem)

    def look(self, found: Sequence[bytes]) -> None:
        """Take what was found, if it is new, has been seen before, and is good."""
        settled, self._seen = found == self._seen, found
        if not settled:
            return
        if found == self._taken:
            self._problem = ""
        else:
            self._take(found)

    def _take(self, found: Sequence[bytes]) -> None:
        try:
            self.value = self._parsed(found)
        except Unusable as problem:
            if str(problem) != self._problem:
                _log.error("files not taken", files=self._what, problem=str(problem))
            self._problem = str(problem)
        else:
            self._taken, self._problem = found, ""
            _log.info("files taken", files=self._what)

    def _parsed(self, contents: Sequence[bytes]) -> T:
        try:
            return self._parse(contents)
        except Unusable as problem:
            raise Unusable(f"{self._what}: {problem}") from None

    def _read(self) -> Sequence[bytes]:
        """Return the contents; empty for a file that cannot be read, which no parser takes."""
        return [_content(file) for file in self._files]


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
