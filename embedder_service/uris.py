"""Which addresses pictures may be read from: only those under a prefix that the operator has named."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote, urlsplit

from embedder_service.ports import URI, UriNotAllowed
from servicekit import errors

MAX_CHARS = 8192
_MOST_DECODINGS = 4
_PORTS = {"https": 443, "http": 80, "file": None}
# What is left out has a second meaning to somebody: white space, quotes, backslashes, controls, other scripts.
_PLAIN = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&'()*+,;=%-]+")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\]")


@dataclass(frozen=True, slots=True)
class Location:
    """An address, taken apart in the one way in which it will be used."""

    scheme: str
    host: str
    port: int | None
    path: str
    query: str

    @classmethod
    def parse(cls, uri: str) -> Self:
        """Take an address apart.

        Raises:
            ValueError: it is no address that means the same to everyone. The message does not repeat it.
        """
        if len(uri) > MAX_CHARS or not _PLAIN.fullmatch(uri):
            raise ValueError("is no plain address")
        parts = urlsplit(uri)
        host = parts.netloc.rpartition(":")[0] if re.search(r":\d+$", parts.netloc) else parts.netloc
        if parts.scheme not in _PORTS or "://" not in uri:
            raise ValueError(f"must begin with {', '.join(_PORTS)} and ://")
        if (parts.scheme == "file") != (host == "") or (host and not _HOST.fullmatch(host.lower())):
            raise ValueError("must name a host, without a user; none in file:///")
        if any(part.partition(";")[0] in (".", "..") for part in re.split(r"[/\\]", _decoded(parts.path))):
            raise ValueError("must not go up in its path")
        return cls(parts.scheme, host.lower(), parts.port or _PORTS[parts.scheme], parts.path or "/", parts.query)

    def __str__(self) -> str:
        authority = self.host if self.port is None else f"{self.host}:{self.port}"
        return f"{self.scheme}://{authority}{self.path}{'?' if self.query else ''}{self.query}"

    @property
    def file(self) -> str:
        """The path of a file, as the system knows it."""
        return unquote(self.path)

    def holds(self, other: "Location") -> bool:
        """Say whether the other address is this one or below it."""
        folder = self.path.rstrip("/")
        below = other.path.startswith(f"{folder}/") or other.path == self.path
        return below and (self.scheme, self.host, self.port) == (other.scheme, other.host, other.port)


def _decoded(path: str) -> str:
    """Return a path as the most eager of servers reads it: decoded for as long as there is anything to decode."""
    for _ in range(_MOST_DECODINGS):
        if (decoded := unquote(path)) == path:
            return path
        path = decoded
    raise ValueError("is encoded too often")


class AllowedPrefixes:
    """The prefixes that the operator has named."""

    def __init__(self, prefixes: Sequence[str]) -> None:
        self._prefixes = [Location.parse(prefix) for prefix in prefixes]

    @property
    def folders(self) -> list[str]:
        """Those of files, as the system knows them."""
        return [prefix.file for prefix in self._prefixes if prefix.scheme == "file"]

    @property
    def lead_outside(self) -> bool:
        """Whether one is of another machine."""
        return any(prefix.scheme != "file" for prefix in self._prefixes)

    def require(self, uri: str) -> Location:
        """Return the address, if it is under a prefix.

        Raises:
            UriNotAllowed: it is under none.
        """
        try:
            location = Location.parse(uri)
        except ValueError:
            raise not_allowed() from None
        if not any(prefix.holds(location) for prefix in self._prefixes):
            raise not_allowed()
        return location


def not_allowed() -> UriNotAllowed:
    """Return the one answer to every address that is not to be read, whatever the reason: it tells a prober nothing."""
    problem = "is under no prefix that this server may read"
    return UriNotAllowed(f"{URI}: {problem}", violations=[errors.Violation(URI, problem)])
