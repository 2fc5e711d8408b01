"""A Milvus or a Redis that somebody else runs."""

import socket
from urllib.parse import urlsplit

from deploy.local.errors import StackError

_TIMEOUT_SECONDS = 5.0


def require_listener(name: str, address: str | None, default_port: int) -> None:
    """Do nothing if something listens at an address, or if none is given or it is no single host's.

    Raises:
        StackError: nothing listens there, or not within 5 s.
    """
    try:
        parts = urlsplit(address or "")
        host, port = parts.hostname, parts.port or default_port
    except ValueError:
        # Several hosts, or nonsense: the service that uses it knows better.
        return
    if not host or "," in host:
        return
    try:
        socket.create_connection((host, port), _TIMEOUT_SECONDS).close()
    except OSError as error:
        raise StackError(f"{name} does not answer at {host}:{port}: {error.strerror or error}") from None
