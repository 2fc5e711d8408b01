"""Channels to other services that show a certificate and a token, both of which may change under calls."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import structlog

from servicekit import channel, security, tls
from servicekit.certificates import Certificates, Files
from servicekit.followed import Followed
from servicekit.replaceable import ReplaceableChannel
from servicekit.watched import Unusable, Watched

_CONNECT_SECONDS = 5.0
# As long as the longest call may last, a survey, by default; what connects meanwhile shows the new certificates.
_GRACE_SECONDS = 3600.0
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this service is to others, and whom it takes for them. Without authorities, connections are plain."""

    files: Files = field(default_factory=Files)
    token_file: Path | None = None
    reload_seconds: float = 5.0


@asynccontextmanager
async def connect(
    target: str, identity: Identity, *, max_message_bytes: int, server_name: str = "", files: Followed | None = None
) -> AsyncIterator[grpc.aio.Channel]:
    """Give a channel like that of `channel.connect`, with this identity, while the block runs.

    `files` counts the identity's files in meanwhile.

    Raises:
        SystemExit: the identity's files cannot be used.
    """

    def opened(certificates: Certificates | None) -> grpc.aio.Channel:
        credentials = tls.channel_credentials(certificates) if certificates else None
        return channel.connect(
            target, max_message_bytes=max_message_bytes, credentials=credentials, server_name=server_name
        )

    certificates, token = _read(identity)
    if certificates is None and token is None:
        async with opened(None) as plain:
            yield plain
        return
    metadata = (lambda: (("authorization", f"Bearer {token.value}"),)) if token else tuple
    watched: list[Watched[Any]] = [each for each in (certificates, token) if each]
    async with (
        ReplaceableChannel(opened(certificates.value if certificates else None), metadata) as replaceable,
        security.following(watched, identity.reload_seconds),
        _renewing(replaceable, certificates, opened, identity.reload_seconds),
    ):
        with files.following(watched) if files else nullcontext():
            yield replaceable


def _read(identity: Identity) -> tuple[Watched[Certificates] | None, Watched[str] | None]:
    try:
        certificates = identity.files.watched("certificates for other services") if identity.files.authorities else None
        token = Watched("token for other services", [identity.token_file], _token) if identity.token_file else None
    except Unusable as problem:
        raise SystemExit(str(problem)) from None
    return certificates, token


def _token(contents: Sequence[bytes]) -> str:
    token = contents[0].decode(errors="replace").strip()
    if not token or not token.isascii() or not token.isprintable():
        raise Unusable("the file cannot be read, or holds no token")
    return token


@asynccontextmanager
async def _renewing(
    replaceable: ReplaceableChannel,
    certificates: Watched[Certificates] | None,
    opened: Callable[[Certificates | None], grpc.aio.Channel],
    interval_seconds: float,
) -> AsyncIterator[None]:
    """Keep a channel up with its certificates while the block runs."""
    if certificates is None:
        yield
        return
    task = asyncio.create_task(_renew(replaceable, certificates, opened, interval_seconds))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _renew(
    replaceable: ReplaceableChannel,
    certificates: Watched[Certificates],
    opened: Callable[[Certificates | None], grpc.aio.Channel],
    interval_seconds: float,
) -> None:
    """Open a channel with new certificates and, if it connects, go on with that one; if not, try again."""
    shown = certificates.value
    while True:
        await asyncio.sleep(interval_seconds)
        wanted = certificates.value
        if wanted is shown:
            continue
        fresh = opened(wanted)
        try:
            await asyncio.wait_for(fresh.channel_ready(), _CONNECT_SECONDS)
        except TimeoutError:
            _log.error("new certificates do not connect; the ones before stay in use")
            await fresh.close()
        except BaseException:
            await fresh.close()
            raise
        else:
            replaceable.replace(fresh, _GRACE_SECONDS)
            shown = wanted
            _log.info("connected with new certificates")
