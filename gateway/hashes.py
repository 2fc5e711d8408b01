"""Hashes of pictures and requests: the gateway's only blocking work, so it is done on threads."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence

from gateway.ports import Picture


async def of_pictures(pictures: Sequence[Picture]) -> list[str]:
    """Return the SHA-256 of each picture's bytes in lower-case hex, empty where its bytes are not here."""
    return await asyncio.to_thread(lambda: [_sha256(p.content) if p.content else "" for p in pictures])


async def of_body(body: Callable[[], bytes]) -> str:
    """Return the SHA-256 in lower-case hex of the bytes that `body` makes."""
    return await asyncio.to_thread(lambda: _sha256(body()))


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
