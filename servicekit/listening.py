"""Whether a server's port can be opened, and is open.

gRPC closes it, and says so to nobody, where it gets a call whose path is not UTF-8 (grpcio 1.85). Only a new process
opens it again, so this one must not stay about and look healthy.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CONNECT_SECONDS = 1.0


@contextmanager
def opening(host: str, port: int) -> Iterator[None]:
    """Open a port in the block.

    Raises:
        SystemExit: that cannot be done.
    """
    try:
        yield
    except (OSError, RuntimeError):  # gRPC raises the latter, and does not say why
        raise SystemExit(
            f"no server can listen on {host}:{port}: the port is in use, or the address or port is not for this process"
        ) from None


async def until(stop: asyncio.Event, host: str, port: int, *, interval_seconds: float) -> None:
    """Return once `stop` is set.

    Raises:
        ConnectionRefusedError: nobody listens on the port any more.
    """
    while not stop.is_set():
        await _require_listener(host, port)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), interval_seconds)


async def _require_listener(host: str, port: int) -> None:
    """Return unless connections are refused: that none can be made now, since too many are, proves nothing."""
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), _CONNECT_SECONDS)
    except ConnectionRefusedError:
        raise
    except OSError:
        return
    writer.close()
