"""Files over HTTP: taken up again where they were cut off, and kept only if their size and hash are right."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from embedder_service.model_tools.errors import ToolError

_BLOCK_BYTES = 2**18
_SILENCE_SECONDS = 30.0
_ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file, and what tells it from any other."""

    url: str
    size_bytes: int
    sha256: str


def fetch(wanted: Wanted, folder: Path, progress: Callable[[int], None]) -> Path:
    """Download a file into `folder` and return where it is. What a call that fails has fetched, the next one builds on.

    Args:
        wanted: What to fetch; http or https.
        folder: Made if it is not there.
        progress: Told how many bytes there are by now.

    Raises:
        ToolError: it cannot be fetched, or is another file.
    """
    if not wanted.url.startswith(("http://", "https://")):
        raise ToolError(f"{wanted.url} is no http or https address")
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{wanted.sha256}.part"
    for _ in range(_ATTEMPTS):
        problem = _attempt(wanted, part, progress)
        if problem is None:
            return _checked(wanted, part)
    have = part.stat().st_size if part.exists() else 0
    kept = f"; {have:,} of {wanted.size_bytes:,} bytes are there, and the next call goes on from them" if have else ""
    raise ToolError(f"{wanted.url} cannot be fetched: {problem}{kept}")


def _attempt(wanted: Wanted, part: Path, progress: Callable[[int], None]) -> str | None:
    """Fetch what is missing; return what went wrong if something did that may go better the next time."""
    with part.open("ab") as file:
        have = file.tell()
        progress(have)
        if have >= wanted.size_bytes:
            return None
        try:
            with closing(_opened(wanted, have)) as response:
                start = _start(wanted, response, have)
                file.truncate(start)
                for have in _written(response, file, start, wanted.size_bytes):
                    progress(have)
        except HTTPError as error:
            if error.code < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise ToolError(f"{wanted.url}: the server answers {error.code} {error.reason}") from None
            return f"the server answers {error.code} {error.reason}"
        except (OSError, HTTPException) as error:
            return str(getattr(error, "reason", error)) or type(error).__name__
    return None if have >= wanted.size_bytes else "the connection ended early"


def _opened(wanted: Wanted, have: int) -> HTTPResponse:
    headers = {"User-Agent": "likeness-models", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    request = Request(wanted.url, headers=headers)  # noqa: S310 the scheme was looked at
    response: HTTPResponse = urlopen(request, timeout=_SILENCE_SECONDS)  # noqa: S310
    return response


def _start(wanted: Wanted, response: HTTPResponse, have: int) -> int:
    """Return where the answer begins in the file; it must end where the file is to end."""
    given = response.headers.get("Content-Range", "").startswith(f"bytes {have}-")
    start = have if response.status == HTTPStatus.PARTIAL_CONTENT and given else 0
    length = response.headers.get("Content-Length")
    if length is not None and start + int(length) != wanted.size_bytes:
        raise ToolError(f"{wanted.url} has {start + int(length):,} bytes, and must have {wanted.size_bytes:,}")
    return start


def _written(response: HTTPResponse, file: BinaryIO, start: int, end: int) -> Iterator[int]:
    have = start
    while have < end and (block := response.read(min(_BLOCK_BYTES, end - have))):
        file.write(block)
        have += len(block)
        yield have


def _checked(wanted: Wanted, part: Path) -> Path:
    """Return the file if it is the right one, and remove it if not."""
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted.sha256 or part.stat().st_size != wanted.size_bytes:
        part.unlink()
        raise ToolError(f"{wanted.url} is another file: its sha256 is {found}, and must be {wanted.sha256}")
    return part
