"""How a server is protected: TLS, certificates of callers, tokens; all of it may change while the server runs."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import structlog

from servicekit import tls, tokens
from servicekit.access import Access
from servicekit.certificates import Certificates, Files
from servicekit.settings import ServerSettings
from servicekit.tokens import Tokens
from servicekit.watched import Unusable, Watched

_log = structlog.get_logger()


class Security:
    """What stands between a server's port and its methods."""

    def __init__(self, certificates: Watched[Certificates] | None, known: Watched[Tokens] | None) -> None:
        self._certificates = certificates
        self._tokens = known

    @property
    def watched(self) -> list[Watched[Any]]:
        """The files that it is made of."""
        return [watched for watched in (self._certificates, self._tokens) if watched]

    def access(self, services: Sequence[Any]) -> Access:
        """Return who may call the methods of these services."""
        roles = {f"/{service.name}/{name}": role for service in services for name, role in service.roles.items()}
        return Access(self._tokens, roles)

    def listen(self, server: grpc.aio.Server, address: str) -> int:
        """Have a server listen, and return the port."""
        if self._certificates is None:
            return server.add_insecure_port(address)
        return server.add_secure_port(address, tls.server_credentials(self._certificates))


@asynccontextmanager
async def opened(settings: ServerSettings) -> AsyncIterator[Security]:
    """Read the files that the settings name, and keep up with them while the block runs.

    Raises:
        SystemExit: they cannot be used.
    """
    try:
        certificates = _certificates(settings)
        known = tokens.watched(settings.tokens_file) if settings.tokens_file else None
    except Unusable as problem:
        raise SystemExit(str(problem)) from None
    if known and not certificates:
        _log.warning("tokens come in plain text, since there is no tls_cert_file")
    guard = Security(certificates, known)
    async with following(guard.watched, settings.reload_seconds):
        yield guard


@asynccontextmanager
async def following(all_watched: Sequence[Watched[Any]], interval_seconds: float) -> AsyncIterator[None]:
    """Keep up with files while the block runs."""
    tasks = [asyncio.create_task(watched.watch(interval_seconds)) for watched in all_watched]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _certificates(settings: ServerSettings) -> Watched[Certificates] | None:
    if settings.tls_cert_file is None:
        return None
    return Files(settings.tls_client_ca_file, settings.tls_cert_file, settings.tls_key_file).watched("certificates")
